#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "auth/crypto/secret.h"
#include "base/status.h"

/// Keys and certificates of the internal CA. All functions are thread-safe.
namespace hadal::auth {

/// A new ECDSA P-256 key, PKCS#8 PEM.
StatusOr<Secret> NewEcKey();

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> dns_names;     ///< subject alternative names
  std::vector<std::string> ip_addresses;  ///< "127.0.0.1", "::1"
  absl::Time not_before;
  absl::Time not_after;
};

/// Self-signed CA certificate (path length 0, may sign certificates and CRLs only), PEM.
StatusOr<std::string> SelfSignCa(const CertificateRequest& request, const Secret& key_pem);

/// End-entity certificate for server and client authentication, PEM.
StatusOr<std::string> IssueCertificate(const CertificateRequest& request, const Secret& key_pem,
                                       const std::string& ca_pem, const Secret& ca_key_pem);

struct CertificateInfo {
  std::string common_name;
  std::vector<std::string> names;  ///< alternative names, DNS and IP, as text
  absl::Time not_before;
  absl::Time not_after;
};
/// INVALID_ARGUMENT when `pem` holds no certificate.
StatusOr<CertificateInfo> ReadCertificate(const std::string& pem);

/// FAILED_PRECONDITION, saying why, unless `pem` chains to `ca_pem` at `time` for both server and
/// client use and, where `host` is given, names it.
Status VerifyCertificate(const std::string& pem, const std::string& ca_pem, absl::Time time,
                         const std::string& host = "");

/// Whether the private key belongs to the certificate; false when either cannot be read.
bool KeyMatchesCertificate(const Secret& key_pem, const std::string& pem);

}  // namespace hadal::auth
