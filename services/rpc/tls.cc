#include "services/rpc/tls.h"

#include <grpcpp/security/auth_metadata_processor.h>

#include <algorithm>
#include <utility>

#include "base/file.h"

namespace hadal::rpc {
namespace {

constexpr size_t kMaxPemBytes = 1 << 20;

// Runs before every handler, so that no method can forget the check.
class PeerAllowList final : public grpc::AuthMetadataProcessor {
 public:
  explicit PeerAllowList(std::vector<std::string> names) : names_(std::move(names)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata&, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    if (context->IsPeerAuthenticated()) {
      for (const grpc::string_ref& name : context->FindPropertyValues("x509_common_name")) {
        if (std::find(names_.begin(), names_.end(), std::string(name.data(), name.size())) !=
            names_.end()) {
          return grpc::Status::OK;
        }
      }
    }
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                        "this service takes calls from its own appliance's services only");
  }

 private:
  const std::vector<std::string> names_;
};

StatusOr<grpc::SslServerCredentialsOptions> ServerOptions(
    const TlsFiles& files, grpc_ssl_client_certificate_request_type request) {
  grpc::SslServerCredentialsOptions options(request);
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(files.ca, kMaxPemBytes));
  ASSIGN_OR_RETURN(std::string key, ReadFile(files.key, kMaxPemBytes));
  ASSIGN_OR_RETURN(std::string certificate, ReadFile(files.certificate, kMaxPemBytes));
  options.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  return options;
}

}  // namespace

TlsFiles ServiceTlsFiles(const std::string& data_folder, const std::string& service) {
  const std::string pki = data_folder + "/pki/";
  return {pki + "ca.pem", pki + service + ".pem", pki + service + ".key"};
}

std::string PeerName(const std::string& service) { return "hadal-" + service; }

StatusOr<std::shared_ptr<grpc::ServerCredentials>> InternalServerCredentials(
    const TlsFiles& files, const std::vector<std::string>& allowed_services) {
  ASSIGN_OR_RETURN(
      const grpc::SslServerCredentialsOptions options,
      ServerOptions(files, GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY));
  std::vector<std::string> names;
  for (const std::string& service : allowed_services) names.push_back(PeerName(service));
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::SslServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<PeerAllowList>(std::move(names)));
  return credentials;
}

StatusOr<std::shared_ptr<grpc::ServerCredentials>> PublicServerCredentials(const TlsFiles& files) {
  ASSIGN_OR_RETURN(const grpc::SslServerCredentialsOptions options,
                   ServerOptions(files, GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  return grpc::SslServerCredentials(options);
}

StatusOr<std::shared_ptr<grpc::ChannelCredentials>> InternalChannelCredentials(
    const TlsFiles& files) {
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(files.ca, kMaxPemBytes));
  ASSIGN_OR_RETURN(options.pem_private_key, ReadFile(files.key, kMaxPemBytes));
  ASSIGN_OR_RETURN(options.pem_cert_chain, ReadFile(files.certificate, kMaxPemBytes));
  return grpc::SslCredentials(options);
}

StatusOr<std::shared_ptr<grpc::ChannelCredentials>> PublicChannelCredentials(
    const std::string& ca_file) {
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadFile(ca_file, kMaxPemBytes));
  return grpc::SslCredentials(options);
}

}  // namespace hadal::rpc
