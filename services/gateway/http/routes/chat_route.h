#pragma once

#include "base/clock.h"
#include "services/gateway/http/chat_request.h"
#include "services/gateway/http/routes/route.h"
#include "services/gateway/work/ask.h"
#include "services/gateway/work/chat.h"

namespace hadal::gateway {

/// POST /v1/chat/completions, streamed or not. With a knowledge base (model "MODEL@KB", or the
/// `hadal` member) the last user message is the question of an Ask; the other messages are not
/// used.
class ChatRoute final : public Route {
 public:
  ChatRoute(const AskPipeline* ask, const ChatPipeline* chat, const Clock* clock,
            const ChatLimits& limits)
      : ask_(ask), chat_(chat), clock_(clock), limits_(limits) {}
  std::string_view method() const override { return "POST"; }
  std::string_view path() const override { return "/v1/chat/completions"; }
  Status Serve(const HttpRequest& http, RequestContext& request, ResponseWriter& writer) override;

 private:
  Status ServeAsk(const ChatRequest& chat, RequestContext& request, ResponseWriter& writer) const;
  Status ServeChat(const ChatRequest& chat, RequestContext& request, ResponseWriter& writer) const;
  int64_t NowUnixSeconds() const { return absl::ToUnixSeconds(clock_->Now()); }

  const AskPipeline* const ask_;
  const ChatPipeline* const chat_;
  const Clock* const clock_;
  const ChatLimits limits_;
};

}  // namespace hadal::gateway
