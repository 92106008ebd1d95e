#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace hadal::testing {

inline const Status& GetStatus(const Status& status) { return status; }
template <typename T>
const Status& GetStatus(const StatusOr<T>& result) {
  return result.status();
}

#define EXPECT_OK(expr)                                                        \
  EXPECT_TRUE(::hadal::testing::GetStatus(expr).ok())                          \
      << "status: " << ::hadal::StatusMessage(::hadal::testing::GetStatus(expr))
#define ASSERT_OK(expr)                                                        \
  do {                                                                         \
    const auto& hadal_result_ = (expr);                                        \
    ASSERT_TRUE(::hadal::testing::GetStatus(hadal_result_).ok())               \
        << ::hadal::StatusMessage(::hadal::testing::GetStatus(hadal_result_)); \
  } while (0)
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL(HADAL_CONCAT(hadal_test_result_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL(tmp, lhs, expr)                   \
  auto tmp = (expr);                                                \
  ASSERT_TRUE(tmp.ok()) << ::hadal::StatusMessage(tmp.status());    \
  lhs = *std::move(tmp)

/// EXPECT_STATUS(expr, kNotFound, "part of the message")
#define EXPECT_STATUS(expr, expected_code, message_part)                              \
  do {                                                                                \
    const auto hadal_result_ = (expr);                                                \
    EXPECT_EQ(::hadal::testing::GetStatus(hadal_result_).code(),                      \
              ::hadal::StatusCode::expected_code);                                    \
    EXPECT_THAT(::hadal::StatusMessage(::hadal::testing::GetStatus(hadal_result_)),   \
                ::testing::HasSubstr(message_part));                                  \
  } while (0)

}  // namespace hadal::testing
