// What constrained output costs a generated token, on the vocabulary of a real model:
//   constraint_bench models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
// Goes through texts that satisfy their constraint, token by token, as the engine does: allowed
// tokens, masking a row of logits, accepting. Cold: nothing of the constraint was used before.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/check.h"
#include "inference/constraint.h"
#include "inference/tokenizer.h"

namespace hadal::inference {
namespace {

constexpr int kRounds = 7;

struct Case {
  const char* name;
  ConstraintSpec spec;
  std::string text;
};

std::vector<Case> Cases() {
  using Kind = ConstraintSpec::Kind;
  const std::string order =
      R"({"type":"object","properties":{
          "order_id":{"type":"string","pattern":"^[A-Z]{2}-[0-9]{6}$"},
          "customer":{"type":"object","properties":{"name":{"type":"string"},
            "email":{"type":"string","format":"email"},"since":{"type":"string","format":"date"}},
            "required":["name","email"],"additionalProperties":false},
          "priority":{"enum":["low","normal","high"]},
          "items":{"type":"array","items":{"type":"object","properties":{
            "article":{"type":"string"},"quantity":{"type":"integer","minimum":1,"maximum":999},
            "price":{"type":"number"},"note":{"type":["string","null"]}},
            "required":["article","quantity","price"],"additionalProperties":false}},
          "summary":{"type":"string"}},
          "required":["order_id","customer","priority","items","summary"],
          "additionalProperties":false})";
  const std::string order_text =
      R"({"order_id": "GD-004217", "customer": {"name": "华北电网设备公司", "email": "zhang.wei@example.cn", )"
      R"("since": "2019-03-08"}, "priority": "high", "items": [{"article": "220 kV circuit breaker, SF6", )"
      R"("quantity": 12, "price": 48500.5, "note": "deliver before the outage window"}, )"
      R"({"article": "变压器油 25 号", "quantity": 300, "price": 18.25}, {"article": "current transformer", )"
      R"("quantity": 36, "price": 2210, "note": null}], "summary": "Spare parts for the autumn )"
      R"(maintenance of two substations; the customer asks for delivery in one lot and for test )"
      R"(reports with each breaker. 请随货附上出厂试验报告。"})";
  std::string words;
  for (int i = 0; i < 40; ++i) words += "a line of ordinary text, ";
  return {
      {"order (nested, typical)", {Kind::kJsonSchema, order, {}}, order_text},
      {"any JSON object", {Kind::kJsonObject, "", {}}, order_text},
      {"order after reasoning",
       {Kind::kJsonSchema, order, ConstraintSpec::Reasoning::kInside},
       "Okay, the user wants the order as JSON. " + words + "</think>\n\n" + order_text},
      {"string, maxLength 1200",
       {Kind::kJsonSchema, R"({"type":"string","maxLength":1200})", {}},
       "\"" + words + "\""},
      {"string, pattern of words",
       {Kind::kJsonSchema, R"r({"type":"string","pattern":"^([a-z]+[,. ]*)*$"})r", {}},
       "\"" + words + "\""},
      {"regex of phone numbers",
       {Kind::kRegex, R"r((\+86 )?1[3-9]\d{9}(, (\+86 )?1[3-9]\d{9})*)r", {}},
       "+86 13800138000, 15912345678, +86 18600000000"},
  };
}

double Millis(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

struct Times {
  std::vector<double> millis;
  double At(double share) {
    std::sort(millis.begin(), millis.end());
    return millis[static_cast<size_t>(share * static_cast<double>(millis.size() - 1))];
  }
  double Mean() const {
    double sum = 0;
    for (const double value : millis) sum += value;
    return sum / static_cast<double>(millis.size());
  }
};

void Generate(const std::shared_ptr<const Constraint>& constraint,
              const std::vector<int32_t>& tokens, std::vector<float>& logits, Times& times) {
  ConstraintState state(constraint);
  for (const int32_t token : tokens) {
    std::fill(logits.begin(), logits.end(), 1.0f);
    const auto begin = std::chrono::steady_clock::now();
    const auto mask = state.AllowedTokens();
    CHECK_OK(mask);
    (*mask)->Apply(absl::MakeSpan(logits));
    CHECK(state.Accept(token));
    times.millis.push_back(Millis(std::chrono::steady_clock::now() - begin));
  }
}

int Run(const std::string& path) {
  const auto tokenizer = LoadTokenizer(path);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", StatusMessage(tokenizer.status()).c_str());
    return 1;
  }
  auto begin = std::chrono::steady_clock::now();
  ConstraintCompiler::Create(**tokenizer);
  fmt::print("{} tokens, vocabulary read in {:.0f} ms\n", (*tokenizer)->vocabulary_size(),
             Millis(std::chrono::steady_clock::now() - begin));
  fmt::print("{:<26} {:>6} {:>10} | {:>8} {:>8} {:>8} {:>8} | {:>8} {:>8}\n", "milliseconds",
             "tokens", "compile", "cold p50", "p90", "max", "mean", "warm p50", "p99");
  std::vector<float> logits(static_cast<size_t>((*tokenizer)->vocabulary_size()));
  for (const Case& test : Cases()) {
    const std::vector<int32_t> tokens = (*tokenizer)->Encode(test.text, {});
    Times compile;
    Times cold;
    Times warm;
    for (int round = 0; round < kRounds; ++round) {
      const auto compiler = ConstraintCompiler::Create(**tokenizer);  // keeps nothing yet
      begin = std::chrono::steady_clock::now();
      const auto constraint = compiler->Compile(test.spec);
      compile.millis.push_back(Millis(std::chrono::steady_clock::now() - begin));
      CHECK_OK(constraint);
      Generate(*constraint, tokens, logits, cold);
      Generate(*constraint, tokens, logits, warm);
    }
    fmt::print("{:<26} {:>6} {:>10.2f} | {:>8.3f} {:>8.3f} {:>8.2f} {:>8.3f} | {:>8.3f} {:>8.3f}\n",
               test.name, tokens.size(), compile.At(0.5), cold.At(0.5), cold.At(0.9), cold.At(1),
               cold.Mean(), warm.At(0.5), warm.At(0.99));
  }
  return 0;
}

}  // namespace
}  // namespace hadal::inference

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: constraint_bench MODEL\n");
    return 2;
  }
  return hadal::inference::Run(argv[1]);
}
