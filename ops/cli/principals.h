#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/status.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"

namespace hadal::cli {

/// Connections to the gateway in the name of other users. The caller must be allowed to make keys:
/// each user gets one of its own, which expires within a day and is revoked when this goes away.
class Principals {
 public:
  /// `users_file` (may be empty): JSON lines with id, clearance, compartments and groups; those
  /// that the appliance does not know are created. NOT_FOUND, with what to do, for a user of `ids`
  /// that is not there then.
  static StatusOr<std::unique_ptr<Principals>> Open(const Invocation& invocation,
                                                    const std::set<std::string>& ids,
                                                    const std::string& users_file);
  ~Principals();

  /// The connection of a user named to Open(); of "", the caller's own.
  const Connection& Of(const std::string& id) const { return *connections_.at(id); }

 private:
  explicit Principals(const Invocation& invocation) : invocation_(invocation) {}
  Status Add(const std::string& id);

  const Invocation& invocation_;
  std::map<std::string, std::unique_ptr<Connection>> connections_;
  std::set<std::string> key_ids_;
};

}  // namespace hadal::cli
