#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hadal::auth {

struct InitOptions {
  /// DNS names and IP addresses, beside the loopback ones, under which clients reach the gateway.
  std::vector<std::string> gateway_names;
  /// Makes a new key for the user `admin` and revokes its other keys.
  bool reset_admin_key = false;
};

/// Makes what an appliance needs before its services start, under `data_folder`: pki/ (internal CA
/// and service certificates), auth/ (the user `admin`: role admin, clearance SECRET, no
/// compartment, no group), audit/ (an empty log with its signing key), admin/admin.key (the API key
/// of `admin`, mode 0600). The last thing written is admin/initialised.
///
/// Idempotent: where all is there it only renews certificates that are about to end, and may run
/// beside the running appliance; an interrupted run is completed by the next.
/// FAILED_PRECONDITION when admin.key was lost after initialisation (asks for `reset_admin_key`)
/// and when a reset is asked for while the appliance runs; errors of EnsureAppliancePki(),
/// IdentityStore::Open() and AuditLog::Open().
Status InitAppliance(const std::string& data_folder, const InitOptions& options,
                     std::shared_ptr<const Clock> clock);

}  // namespace hadal::auth
