#include "services/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

namespace hadal::rpc {
namespace {

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name this bounds one attempt to connect, TLS handshake included.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A proxy variable in the environment must not send internal calls elsewhere.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

StatusOr<std::shared_ptr<grpc::Channel>> MakeInternalChannel(const std::string& address,
                                                             const std::string& service,
                                                             const TlsFiles& own_files) {
  ASSIGN_OR_RETURN(auto credentials, InternalChannelCredentials(own_files));
  grpc::ChannelArguments arguments = Arguments();
  arguments.SetSslTargetNameOverride(PeerName(service));
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

StatusOr<std::shared_ptr<grpc::Channel>> MakePublicChannel(const std::string& address,
                                                           const std::string& ca_file) {
  ASSIGN_OR_RETURN(auto credentials, PublicChannelCredentials(ca_file));
  return grpc::CreateCustomChannel(address, credentials, Arguments());
}

}  // namespace hadal::rpc
