#include "services/gateway/work/tenant_generator.h"

namespace hadal::gateway {

StatusOr<answer::TextGenerator::Generation> TenantGenerator::Generate(
    const internal::v1::GenerateRequest& request) {
  internal::v1::GenerateRequest bound = request;
  bound.set_tenant(tenant_);
  bound.set_cache_namespace(cache_namespace_);
  Generation generation;
  ASSIGN_OR_RETURN(generation.result,
                   client_.Generate(scope_, bound, [&](const internal::v1::GenerateDelta& delta) {
                     generation.reasoning += delta.reasoning();
                     generation.content += delta.content();
                     return !scope_.cancelled();
                   }));
  return generation;
}

StatusOr<std::vector<int32_t>> TenantGenerator::CountTokens(const std::string& model,
                                                            const std::vector<std::string>& texts) {
  return client_.CountTokens(scope_, model, texts);
}

}  // namespace hadal::gateway
