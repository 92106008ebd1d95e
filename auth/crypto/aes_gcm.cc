#include <openssl/err.h>
#include <openssl/evp.h>

#include "auth/crypto/aead_backends.h"
#include "auth/crypto/idle_contexts.h"
#include "auth/crypto/openssl_error.h"
#include "auth/crypto/openssl_ptr.h"

namespace hadal::auth {
namespace {

using CipherPtr = std::unique_ptr<EVP_CIPHER, OpensslFree<EVP_CIPHER_free>>;
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status Failed(std::string_view what) { return OpensslError(StatusCode::kInternal, what); }

class Aes256Gcm final : public Aead {
 public:
  Aes256Gcm(CipherPtr cipher, const Secret& key) : cipher_(std::move(cipher)), key_(key.Clone()) {}

 protected:
  Status Encrypt(std::string_view nonce, std::string_view associated, std::string_view plaintext,
                 char* out) const override {
    ASSIGN_OR_RETURN(ContextPtr context, Begin(nonce, associated, /*encrypt=*/1));
    auto* bytes = reinterpret_cast<unsigned char*>(out);
    int size = 0;
    if (EVP_CipherUpdate(context.get(), bytes, &size, Bytes(plaintext),
                         static_cast<int>(plaintext.size())) != 1 ||
        EVP_CipherFinal_ex(context.get(), bytes + size, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes,
                            bytes + plaintext.size()) != 1) {
      return Failed("AES-256-GCM encryption failed");
    }
    contexts_.Return(std::move(context));
    return OkStatus();
  }

  StatusOr<bool> Decrypt(std::string_view nonce, std::string_view associated,
                         std::string_view ciphertext, std::string_view tag,
                         char* out) const override {
    ASSIGN_OR_RETURN(ContextPtr context, Begin(nonce, associated, /*encrypt=*/0));
    auto* bytes = reinterpret_cast<unsigned char*>(out);
    int size = 0;
    if (EVP_CipherUpdate(context.get(), bytes, &size, Bytes(ciphertext),
                         static_cast<int>(ciphertext.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes,
                            const_cast<char*>(tag.data())) != 1) {
      return Failed("AES-256-GCM decryption failed");
    }
    const bool good = EVP_CipherFinal_ex(context.get(), bytes + size, &size) == 1;
    ERR_clear_error();
    contexts_.Return(std::move(context));
    return good;
  }

 private:
  // A context with the key, this nonce, and the associated data taken in.
  StatusOr<ContextPtr> Begin(std::string_view nonce, std::string_view associated,
                             int encrypt) const {
    ContextPtr context = contexts_.Take();
    if (context == nullptr) {
      context.reset(EVP_CIPHER_CTX_new());
      if (context == nullptr ||
          EVP_CipherInit_ex2(context.get(), cipher_.get(), Bytes(key_.Reveal()), nullptr, encrypt,
                             nullptr) != 1) {
        return Failed("AES-256-GCM cannot take its key");
      }
    }
    int size = 0;
    if (EVP_CipherInit_ex2(context.get(), nullptr, nullptr, Bytes(nonce), encrypt, nullptr) != 1 ||
        EVP_CipherUpdate(context.get(), nullptr, &size, Bytes(associated),
                         static_cast<int>(associated.size())) != 1) {
      return Failed("AES-256-GCM cannot begin");
    }
    return context;
  }

  const CipherPtr cipher_;
  const Secret key_;
  mutable IdleContexts<ContextPtr> contexts_;
};

}  // namespace

StatusOr<std::unique_ptr<Aead>> NewAes256Gcm(const Secret& key) {
  CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  if (cipher == nullptr) {
    return OpensslError(StatusCode::kUnavailable, "OpenSSL has no AES-256-GCM");
  }
  return std::unique_ptr<Aead>(new Aes256Gcm(std::move(cipher), key));
}

}  // namespace hadal::auth
