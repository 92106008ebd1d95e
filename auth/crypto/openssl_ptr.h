#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

/// Owners of OpenSSL objects; for the sources of auth/crypto only.
namespace hadal::auth {

template <auto FreeFunction>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    FreeFunction(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;

/// What was written to a memory BIO; valid as long as it.
inline std::string_view BioText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, size < 0 ? 0 : static_cast<size_t>(size)};
}

}  // namespace hadal::auth
