#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auth/audit_log.h"
#include "base/check.h"
#include "base/file.h"

/// Durable appends per second by number of writers, and verification of the log they leave. The
/// folder is under $TMPDIR: put it on the disk to be measured. Peer: bench/vs_sqlite_audit.py.
namespace hadal::auth {
namespace {

constexpr int kRecordsPerRound = 20'000;
constexpr size_t kReasonBytes = 380;  // a record of about 512 bytes

store::v1::AuditRecord SampleRecord(int number) {
  store::v1::AuditRecord record;
  record.set_time_unix_ms(1'795'000'000'000 + number);
  record.set_request_id("0123456789abcdef0123456789abcdef");
  record.set_method("hadal.v1.Assistant/Ask");
  record.set_principal("u-energy-operator");
  record.set_key_id("abcdefghijklmnop");
  record.set_outcome("ok");
  record.set_reason(std::string(kReasonBytes, 'r'));
  return record;
}

std::unique_ptr<AuditLog> OpenLog(const std::string& folder) {
  AuditLogOptions options;
  options.folder = folder;
  options.min_free_bytes = 0;
  auto log = AuditLog::Open(options);
  CHECK_OK(log.status());
  return *std::move(log);
}

void AppendAll(AuditLog& log, int writers, int records) {
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&] {
      for (int i = next++; i < records; i = next++) CHECK_OK(log.Append(SampleRecord(i)).status());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void BM_DurableAppends(benchmark::State& state) {
  const auto temp = TempDir::Create("audit-bench");
  CHECK_OK(temp.status());
  const auto log = OpenLog((*temp)->path() + "/audit");
  const int writers = static_cast<int>(state.range(0));
  const int records = writers == 1 ? kRecordsPerRound / 20 : kRecordsPerRound;
  for (auto _ : state) AppendAll(*log, writers, records);
  state.SetItemsProcessed(state.iterations() * records);
}
BENCHMARK(BM_DurableAppends)->Arg(1)->Arg(16)->Arg(64)->UseRealTime()->Unit(
    benchmark::kMillisecond);

void BM_VerifyRecords(benchmark::State& state) {
  const auto temp = TempDir::Create("audit-bench");
  CHECK_OK(temp.status());
  const std::string folder = (*temp)->path() + "/audit";
  const int records = static_cast<int>(state.range(0));
  AppendAll(*OpenLog(folder), 64, records);
  for (auto _ : state) {
    const auto result = VerifyAuditFolder(folder);
    CHECK_OK(result.status());
    CHECK(result->problems.empty() && result->records == static_cast<uint64_t>(records));
  }
  state.SetItemsProcessed(state.iterations() * records);
}
BENCHMARK(BM_VerifyRecords)->Arg(200'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hadal::auth

BENCHMARK_MAIN();
