#include "auth/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "auth/crypto/openssl_error.h"
#include "base/check.h"

namespace hadal::auth {
namespace {

// EVP_sha256() looks the algorithm up again at each use (about 0.5 us); a fetched handle does not.
// It lives as long as the process, as OpenSSL's own tables do.
const EVP_MD* FetchedSha256() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(md != nullptr);
  return md;
}

const EVP_MD* FetchedSm3() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SM3", nullptr);
  CHECK(md != nullptr);
  return md;
}

std::string Hmac(const EVP_MD* md, std::string_view key, std::string_view data) {
  std::string mac(static_cast<size_t>(EVP_MD_get_size(md)), '\0');
  unsigned int size = 0;
  const auto* result = HMAC(md, key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(data.data()), data.size(),
                            reinterpret_cast<unsigned char*>(mac.data()), &size);
  CHECK(result != nullptr && size == mac.size());
  return mac;
}

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

EVP_MD_CTX* ThreadContext() {
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextFree> context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context.get();
}

// A SHA-256 of memory fails only when memory for its state is exhausted.
void Update(EVP_MD_CTX* context, std::string_view data) {
  CHECK(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
}

}  // namespace

Sha256Digest Sha256Of(std::string_view prefix, std::string_view data) {
  EVP_MD_CTX* context = ThreadContext();
  Sha256Digest digest;
  CHECK(EVP_DigestInit_ex2(context, FetchedSha256(), nullptr) == 1);
  Update(context, prefix);
  Update(context, data);
  CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  return digest;
}

std::string Sha256(std::string_view data) { return std::string(AsBytes(Sha256Of({}, data))); }

void Sha256Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex2(context_.get(), FetchedSha256(), nullptr) == 1);
}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::Update(std::string_view data) { auth::Update(context_.get(), data); }

std::string Sha256Hasher::Finish() {
  Sha256Digest digest;
  CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  CHECK(EVP_DigestInit_ex2(context_.get(), FetchedSha256(), nullptr) == 1);
  return std::string(AsBytes(digest));
}

std::string HmacSha256(std::string_view key, std::string_view data) {
  return Hmac(FetchedSha256(), key, data);
}

std::string HmacSm3(std::string_view key, std::string_view data) {
  return Hmac(FetchedSm3(), key, data);
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

StatusOr<Secret> RandomSecret(size_t size) {
  Secret secret(std::string(size, '\0'));
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(secret.MutableData()),
                      static_cast<int>(size)) != 1) {
    return OpensslError(StatusCode::kUnavailable, "no random numbers from the system");
  }
  return secret;
}

StatusOr<std::string> RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    return OpensslError(StatusCode::kUnavailable, "no random numbers from the system");
  }
  return bytes;
}

}  // namespace hadal::auth
