#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hadal::auth {

inline constexpr std::array<std::string_view, 3> kPkiServices = {"gateway", "retrieval",
                                                                 "inference"};

/// Makes, completes or renews the appliance's internal CA and the certificate of each service:
/// <pki_folder>/ca.pem, ca.key, and <service>.pem, <service>.key. ECDSA P-256; CA 10 years, service
/// certificates 3 years (CN hadal-<service>; names hadal-<service>, localhost, 127.0.0.1, ::1, and
/// for the gateway also `extra_names`, DNS or IP), for server and client use. Keys have mode 0600,
/// the folder 0700.
///
/// Idempotent: what is good stays untouched, byte for byte. A certificate is issued anew (under its
/// old key where that is readable) when it ends within 90 days, lacks a name, does not chain to the
/// CA or does not fit its key: so an interrupted run is completed by the next one. The CA is
/// remade, with every certificate, when one of its two files is missing before any service had a
/// certificate, or when it has expired.
/// FAILED_PRECONDITION when a certificate must be issued and the CA's key is gone or damaged: the
/// message says which file to restore. INVALID_ARGUMENT for a malformed name.
Status EnsureAppliancePki(const std::string& pki_folder,
                          const std::vector<std::string>& extra_names, const Clock& clock);

}  // namespace hadal::auth
