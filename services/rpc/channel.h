#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "services/rpc/tls.h"

namespace hadal::rpc {

inline constexpr int kMaxMessageBytes = 16 << 20;

/// Channel of one service to another at `address` (HOST:PORT). The certificate must name
/// `service`, whatever the address. Reconnects by itself within a second of the peer's return.
StatusOr<std::shared_ptr<grpc::Channel>> MakeInternalChannel(const std::string& address,
                                                             const std::string& service,
                                                             const TlsFiles& own_files);

/// Channel of a client to the gateway's public gRPC port.
StatusOr<std::shared_ptr<grpc::Channel>> MakePublicChannel(const std::string& address,
                                                           const std::string& ca_file);

}  // namespace hadal::rpc
