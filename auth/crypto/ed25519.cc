#include "auth/crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <utility>

#include "auth/crypto/openssl_error.h"
#include "auth/crypto/openssl_ptr.h"
#include "auth/crypto/secret_file.h"

namespace hadal::auth {

void Ed25519PrivateKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Ed25519PrivateKey::Ed25519PrivateKey(Key key, std::string public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}
Ed25519PrivateKey::Ed25519PrivateKey(Ed25519PrivateKey&&) noexcept = default;
Ed25519PrivateKey& Ed25519PrivateKey::operator=(Ed25519PrivateKey&&) noexcept = default;
Ed25519PrivateKey::~Ed25519PrivateKey() = default;

StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::FromKey(Key key) {
  std::string raw(kEd25519PublicKeyBytes, '\0');
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(raw.data()),
                                  &size) != 1 ||
      size != kEd25519PublicKeyBytes) {
    return OpensslError(StatusCode::kInternal, "Ed25519 key without a public half");
  }
  return Ed25519PrivateKey(std::move(key), std::move(raw));
}

StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::Generate() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return OpensslError(StatusCode::kUnavailable, "cannot make an Ed25519 key");
  return FromKey(std::move(key));
}

StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::FromPem(const Secret& pem) {
  const std::string_view text = pem.Reveal();
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return OpensslError(StatusCode::kInvalidArgument, "expected an Ed25519 private key in PEM");
  }
  ASSIGN_OR_RETURN(Ed25519PrivateKey result, FromKey(std::move(key)));
  ASSIGN_OR_RETURN(const Secret canonical, result.ToPem());
  if (canonical.Reveal() != text) {
    return InvalidArgument("the Ed25519 PEM text is not in the form this program writes");
  }
  return result;
}

StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::ReadPemFile(const std::string& path) {
  ASSIGN_OR_RETURN(const Secret pem, ReadSecretFile(path));
  StatusOr<Ed25519PrivateKey> key = FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

StatusOr<Secret> Ed25519PrivateKey::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return OpensslError(StatusCode::kInternal, "cannot encode the Ed25519 key");
  }
  return Secret(BioText(bio.get()));
}

Status Ed25519PrivateKey::WritePemFile(const std::string& path) const {
  ASSIGN_OR_RETURN(const Secret pem, ToPem());
  return WriteSecretFile(path, pem);
}

StatusOr<std::string> Ed25519PrivateKey::Sign(std::string_view message) const {
  MdContextPtr context(EVP_MD_CTX_new());
  std::string signature(kEd25519SignatureBytes, '\0');
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(message.data()),
                     message.size()) != 1 ||
      size != kEd25519SignatureBytes) {
    return OpensslError(StatusCode::kInternal, "Ed25519 signing failed");
  }
  return signature;
}

bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature) {
  if (public_key.size() != kEd25519PublicKeyBytes || signature.size() != kEd25519SignatureBytes) {
    return false;
  }
  PkeyPtr key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(public_key.data()),
      public_key.size()));
  MdContextPtr context(EVP_MD_CTX_new());
  const bool good =
      key != nullptr && context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace hadal::auth
