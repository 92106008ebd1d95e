#include "services/gateway/rpc_api/record_guard.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>

#include <string>
#include <utility>
#include <vector>

#include "services/gateway/rpc_api/serve.h"
#include "services/rpc/status.h"

namespace hadal::gateway {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

// "/hadal.v1.Assistant/Ask" without the slash, as the other records name methods.
std::string NameOf(const char* method) { return method[0] == '/' ? method + 1 : method; }

bool IsExempt(const std::string& method) {
  return method.rfind("grpc.health.v1.", 0) == 0 || method.rfind("grpc.reflection.", 0) == 0;
}

}  // namespace

// One per call.
class RecordGuard::Interceptor final : public grpc::experimental::Interceptor {
 public:
  Interceptor(RecordGuard* guard, ServerRpcInfo* info)
      : guard_(guard), call_(info->server_context()), method_(NameOf(info->method())) {}
  ~Interceptor() override { guard_->Forget(call_); }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS) &&
        !guard_->Served(call_)) {
      const Status status = rpc::FromGrpc(methods->GetSendStatus());
      const auto request = guard_->admission_->Open(HeadOf(method_.c_str(), *call_));
      // Who may not ask is told that, and nothing about what there is.
      const Status answer =
          request->Finish(request->admitted().ok() ? status : request->admitted());
      methods->ModifySendStatus(rpc::ToGrpc(answer));
    }
    methods->Proceed();
  }

 private:
  RecordGuard* const guard_;
  const grpc::ServerContextBase* const call_;
  const std::string method_;
};

class RecordGuard::Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(RecordGuard* guard) : guard_(guard) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    if (IsExempt(NameOf(info->method()))) return nullptr;
    return new Interceptor(guard_, info);
  }

 private:
  RecordGuard* const guard_;
};

// gRPC answers UNIMPLEMENTED by itself, but then without its interceptors.
RecordGuard::RecordGuard(const Admission* admission)
    : admission_(admission), unknown_methods_(std::make_unique<grpc::CallbackGenericService>()) {}
RecordGuard::~RecordGuard() = default;

void RecordGuard::Install(grpc::ServerBuilder& builder) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<Factory>(this));
  builder.experimental().SetInterceptorCreators(std::move(factories));
  builder.RegisterCallbackGenericService(unknown_methods_.get());
}

void RecordGuard::MarkServed(const grpc::ServerContextBase* call) {
  absl::MutexLock lock(&mu_);
  served_.insert(call);
}

bool RecordGuard::Served(const grpc::ServerContextBase* call) const {
  absl::MutexLock lock(&mu_);
  return served_.count(call) > 0;
}

void RecordGuard::Forget(const grpc::ServerContextBase* call) {
  absl::MutexLock lock(&mu_);
  served_.erase(call);
}

}  // namespace hadal::gateway
