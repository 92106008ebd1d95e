#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::rpc {

/// PEM files of one party of the appliance.
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

/// The files of `service` ("gateway", "retrieval", "inference") under DATA/pki.
TlsFiles ServiceTlsFiles(const std::string& data_folder, const std::string& service);

/// Certificate common name of a service: "hadal-<service>".
std::string PeerName(const std::string& service);

/// Server side between services: a client certificate of our CA is required, and every call whose
/// peer is not one of `allowed_services` is refused before it reaches a handler.
StatusOr<std::shared_ptr<grpc::ServerCredentials>> InternalServerCredentials(
    const TlsFiles& files, const std::vector<std::string>& allowed_services);

/// Server side of the public API: TLS, no client certificate.
StatusOr<std::shared_ptr<grpc::ServerCredentials>> PublicServerCredentials(const TlsFiles& files);

/// Client side between services.
StatusOr<std::shared_ptr<grpc::ChannelCredentials>> InternalChannelCredentials(
    const TlsFiles& files);

/// Client side of the public API: trusts the CA in `ca_file` only.
StatusOr<std::shared_ptr<grpc::ChannelCredentials>> PublicChannelCredentials(
    const std::string& ca_file);

}  // namespace hadal::rpc
