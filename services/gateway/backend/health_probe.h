#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "services/gateway/backend/call_scope.h"

namespace grpc {
class Channel;
}

namespace hadal::gateway {

/// grpc.health.v1 of another service. Thread-safe.
class HealthProbe {
 public:
  /// `address` is for people.
  HealthProbe(std::string name, std::string address, std::shared_ptr<grpc::Channel> channel);

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  /// OK when it serves; UNAVAILABLE with the reason otherwise. Waits at most five seconds.
  Status Check(CallScope& scope) const;

 private:
  const std::string name_;
  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace hadal::gateway
