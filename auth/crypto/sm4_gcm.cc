#include <gcrypt.h>

#include "auth/crypto/aead_backends.h"
#include "auth/crypto/idle_contexts.h"

namespace hadal::auth {
namespace {

constexpr int kSecureBytes = 64 << 10;  // locked memory for expanded keys; it grows when needed

struct CloseCipher {
  void operator()(gcry_cipher_hd_t cipher) const { gcry_cipher_close(cipher); }
};
using CipherPtr = std::unique_ptr<gcry_cipher_handle, CloseCipher>;

Status Failed(std::string_view what, gcry_error_t error) {
  return Internal("SM4-GCM {}: {}", what, gcry_strerror(error));
}

// Once a process; libgcrypt is then thread-safe for different handles.
bool Initialise() {
  if (gcry_check_version(GCRYPT_VERSION) == nullptr) return false;
  gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);  // where locking is not allowed it works without
  gcry_control(GCRYCTL_INIT_SECMEM, kSecureBytes, 0);
  gcry_control(GCRYCTL_AUTO_EXPAND_SECMEM, kSecureBytes, 0);
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
  return gcry_cipher_test_algo(GCRY_CIPHER_SM4) == 0;
}

class Sm4Gcm final : public Aead {
 public:
  explicit Sm4Gcm(const Secret& key) : key_(key.Clone()) {}

 protected:
  Status Encrypt(std::string_view nonce, std::string_view associated, std::string_view plaintext,
                 char* out) const override {
    ASSIGN_OR_RETURN(CipherPtr cipher, Begin(nonce, associated));
    gcry_error_t error = gcry_cipher_encrypt(cipher.get(), out, plaintext.size(), plaintext.data(),
                                             plaintext.size());
    if (error == 0) {
      error = gcry_cipher_gettag(cipher.get(), out + plaintext.size(), kAeadTagBytes);
    }
    if (error != 0) return Failed("encryption failed", error);
    ciphers_.Return(std::move(cipher));
    return OkStatus();
  }

  StatusOr<bool> Decrypt(std::string_view nonce, std::string_view associated,
                         std::string_view ciphertext, std::string_view tag,
                         char* out) const override {
    ASSIGN_OR_RETURN(CipherPtr cipher, Begin(nonce, associated));
    gcry_error_t error = gcry_cipher_decrypt(cipher.get(), out, ciphertext.size(),
                                             ciphertext.data(), ciphertext.size());
    if (error != 0) return Failed("decryption failed", error);
    error = gcry_cipher_checktag(cipher.get(), tag.data(), tag.size());
    if (error != 0 && gcry_err_code(error) != GPG_ERR_CHECKSUM) {
      return Failed("check failed", error);
    }
    ciphers_.Return(std::move(cipher));
    return error == 0;
  }

 private:
  // A handle with the key, this nonce, and the associated data taken in.
  StatusOr<CipherPtr> Begin(std::string_view nonce, std::string_view associated) const {
    CipherPtr cipher = ciphers_.Take();
    gcry_error_t error = 0;
    if (cipher == nullptr) {
      gcry_cipher_hd_t handle = nullptr;
      error = gcry_cipher_open(&handle, GCRY_CIPHER_SM4, GCRY_CIPHER_MODE_GCM, GCRY_CIPHER_SECURE);
      if (error != 0) return Failed("cannot be opened", error);
      cipher.reset(handle);
      error = gcry_cipher_setkey(handle, key_.Reveal().data(), key_.size());
    } else {
      error = gcry_cipher_reset(cipher.get());
    }
    if (error == 0) error = gcry_cipher_setiv(cipher.get(), nonce.data(), nonce.size());
    if (error == 0) {
      error = gcry_cipher_authenticate(cipher.get(), associated.data(), associated.size());
    }
    if (error != 0) return Failed("cannot begin", error);
    return cipher;
  }

  const Secret key_;
  mutable IdleContexts<CipherPtr> ciphers_;
};

}  // namespace

StatusOr<std::unique_ptr<Aead>> NewSm4Gcm(const Secret& key) {
  static const bool ready = Initialise();
  if (!ready) return Unavailable("libgcrypt has no SM4: expected libgcrypt 1.9 or later");
  return std::unique_ptr<Aead>(new Sm4Gcm(key));
}

}  // namespace hadal::auth
