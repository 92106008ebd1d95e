#include "services/answer/refusal.h"

namespace hadal::answer {

std::string RefusalMessage(const Question& question) {
  return question.chinese ? "在您可以查阅的文档中没有找到这个问题的答案。"
                          : "The answer was not found in the documents available to you.";
}

}  // namespace hadal::answer
