#include "auth/mtls/pki.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "absl/time/time.h"
#include "auth/crypto/secret_file.h"
#include "auth/crypto/x509.h"
#include "auth/folder/folder_lock.h"
#include "base/file.h"

namespace hadal::auth {
namespace {

constexpr absl::Duration Days(int count) { return absl::Hours(24 * count); }
constexpr absl::Duration kCaLifetime = Days(3652);
constexpr absl::Duration kLeafLifetime = Days(1095);
constexpr absl::Duration kRenewBefore = Days(90);
// Peers' clocks may be a little behind ours.
constexpr absl::Duration kBackdate = absl::Hours(1);
constexpr size_t kMaxPemBytes = 64 << 10;

struct Ca {
  std::string pem;
  std::optional<Secret> key;  ///< absent: nothing can be issued
};

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// No service has a certificate yet: nobody depends on this CA.
bool IsUnused(const std::string& folder) {
  return std::none_of(kPkiServices.begin(), kPkiServices.end(), [&](std::string_view service) {
    return Exists(fmt::format("{}/{}.pem", folder, service));
  });
}

StatusOr<Ca> MakeCa(const std::string& folder, absl::Time now) {
  ASSIGN_OR_RETURN(Secret key, NewEcKey());
  CertificateRequest request{.common_name = "Hadal internal CA",
                             .not_before = now - kBackdate,
                             .not_after = now + kCaLifetime};
  ASSIGN_OR_RETURN(std::string pem, SelfSignCa(request, key));
  RETURN_IF_ERROR(WriteSecretFile(folder + "/ca.key", key));
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/ca.pem", pem));
  return Ca{std::move(pem), std::move(key)};
}

StatusOr<Ca> EnsureCa(const std::string& folder, absl::Time now) {
  const std::string pem_path = folder + "/ca.pem";
  const std::string key_path = folder + "/ca.key";
  if ((!Exists(pem_path) || !Exists(key_path)) && IsUnused(folder)) return MakeCa(folder, now);
  const StatusOr<std::string> pem = ReadFile(pem_path, kMaxPemBytes);
  if (!pem.ok()) {
    return FailedPrecondition("{}: {}; restore it from a backup, or remove {} to make a new CA",
                              pem_path, StatusMessage(pem.status()), folder);
  }
  const StatusOr<CertificateInfo> info = ReadCertificate(*pem);
  if (!info.ok()) {
    return FailedPrecondition("{}: {}; restore it from a backup, or remove {} to make a new CA",
                              pem_path, StatusMessage(info.status()), folder);
  }
  if (info->not_after <= now) return MakeCa(folder, now);
  Ca ca{*pem, std::nullopt};
  StatusOr<Secret> key = ReadSecretFile(key_path);
  // A CA key kept off the machine is fine as long as nothing has to be issued.
  if (key.ok() && KeyMatchesCertificate(*key, ca.pem)) {
    ca.key = *std::move(key);
  } else if (IsUnused(folder)) {
    return MakeCa(folder, now);
  }
  return ca;
}

CertificateRequest RequestFor(std::string_view service, const std::vector<std::string>& extra,
                              absl::Time now) {
  CertificateRequest request{.common_name = fmt::format("hadal-{}", service),
                             .dns_names = {fmt::format("hadal-{}", service), "localhost"},
                             .ip_addresses = {"127.0.0.1", "::1"},
                             .not_before = now - kBackdate,
                             .not_after = now + kLeafLifetime};
  if (service != "gateway") return request;
  for (const std::string& name : extra) {
    unsigned char parsed[16];
    const bool is_address = ::inet_pton(AF_INET, name.c_str(), parsed) == 1 ||
                            ::inet_pton(AF_INET6, name.c_str(), parsed) == 1;
    (is_address ? request.ip_addresses : request.dns_names).push_back(name);
  }
  return request;
}

bool IsGood(const std::string& pem, const Secret& key, const Ca& ca,
            const CertificateRequest& wanted, absl::Time now) {
  const StatusOr<CertificateInfo> info = ReadCertificate(pem);
  if (!info.ok() || info->not_after < now + kRenewBefore) return false;
  if (info->common_name != wanted.common_name || !KeyMatchesCertificate(key, pem)) return false;
  for (const auto* names : {&wanted.dns_names, &wanted.ip_addresses}) {
    for (const std::string& name : *names) {
      if (!VerifyCertificate(pem, ca.pem, now, name).ok()) return false;
    }
  }
  return true;
}

Status EnsureLeaf(const std::string& folder, std::string_view service, const Ca& ca,
                  const CertificateRequest& wanted, absl::Time now) {
  const std::string key_path = fmt::format("{}/{}.key", folder, service);
  const std::string pem_path = fmt::format("{}/{}.pem", folder, service);
  StatusOr<Secret> key = ReadSecretFile(key_path);
  const StatusOr<std::string> pem = ReadFile(pem_path, kMaxPemBytes);
  if (key.ok() && pem.ok() && IsGood(*pem, *key, ca, wanted, now)) return OkStatus();
  if (key.status().code() == StatusCode::kFailedPrecondition) return key.status();
  if (!ca.key.has_value()) {
    return FailedPrecondition(
        "{} needs a new certificate, but {}/ca.key is missing or does not fit ca.pem: put the CA's "
        "key back, or remove {} to make a new CA",
        service, folder, folder);
  }
  // The old key keeps fitting a certificate some reader holds while the new one is put in place.
  StatusOr<std::string> issued = Unavailable("no key yet");
  if (key.ok()) issued = IssueCertificate(wanted, *key, ca.pem, *ca.key);
  if (!issued.ok()) {
    key = NewEcKey();
    if (!key.ok()) return key.status();
    issued = IssueCertificate(wanted, *key, ca.pem, *ca.key);
    if (!issued.ok()) return issued.status();
    RETURN_IF_ERROR(WriteSecretFile(key_path, *key));
  }
  return WriteFileAtomic(pem_path, *issued);
}

}  // namespace

Status EnsureAppliancePki(const std::string& pki_folder,
                          const std::vector<std::string>& extra_names, const Clock& clock) {
  const absl::Time now = clock.Now();
  RETURN_IF_ERROR(MakeDirectories(pki_folder, 0700));
  if (::chmod(pki_folder.c_str(), 0700) != 0) return ErrnoStatus("cannot chmod", pki_folder);
  // Two runs at once would make two CAs.
  ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Acquire(pki_folder));
  ASSIGN_OR_RETURN(const Ca ca, EnsureCa(pki_folder, now));
  for (const std::string_view service : kPkiServices) {
    RETURN_IF_ERROR(
        EnsureLeaf(pki_folder, service, ca, RequestFor(service, extra_names, now), now));
  }
  return OkStatus();
}

}  // namespace hadal::auth
