#include "services/parser/parser_pool.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/support/paths.h"
#include "tests/support/status_matchers.h"

namespace hadal::parser {
namespace {

using internal::v1::ParseOutcome;

class ParserPoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(folder_, TempDir::Create());
    options_.program = BinaryPath("hadal-parser");
  }

  std::unique_ptr<ParserPool> Pool() {
    StatusOr<std::unique_ptr<ParserPool>> pool = ParserPool::Create(options_);
    EXPECT_OK(pool);
    return pool.ok() ? *std::move(pool) : nullptr;
  }

  /// A program in the place of hadal-parser that behaves as one taken over by a file might.
  void Impostor(const std::string& shell) {
    options_.program = folder_->path() + "/parser";
    ASSERT_OK(WriteFileAtomic(options_.program, "#!/bin/sh\n" + shell + "\n", 0755));
  }

  std::string RejectionCode(std::string_view content = "text") {
    StatusOr<ParseOutcome> outcome = Pool()->Parse("a.txt", content);
    EXPECT_OK(outcome);
    return outcome.ok() && outcome->has_rejection() ? outcome->rejection().code() : "";
  }

  std::unique_ptr<TempDir> folder_;
  ParserPoolOptions options_;
};

TEST_F(ParserPoolTest, ParsesText) {
  StatusOr<ParseOutcome> outcome = Pool()->Parse("note.txt", "第一行。\n\nSecond line.\n");
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_document()) << outcome->rejection().message();
  ASSERT_EQ(outcome->document().blocks_size(), 2);
  EXPECT_EQ(outcome->document().blocks(0).text(), "第一行。");
  EXPECT_EQ(outcome->document().blocks(1).text(), "Second line.");
}

TEST_F(ParserPoolTest, RunsPdftotextInsideTheSandbox) {
  // A minimal PDF; the cross-reference table is rebuilt by the reader.
  const std::string stream = "BT /F1 24 Tf 20 100 Td (Hello sandboxed PDF) Tj ET";
  const std::string pdf =
      "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
      "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
      "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R"
      "/Resources<</Font<</F1 5 0 R>>>>>>endobj\n"
      "4 0 obj<</Length " +
      std::to_string(stream.size()) + ">>stream\n" + stream +
      "\nendstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
      "trailer<</Root 1 0 R/Size 6>>\nstartxref\n0\n%%EOF\n";
  StatusOr<ParseOutcome> outcome = Pool()->Parse("hello.pdf", pdf);
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_document()) << outcome->rejection().message();
  EXPECT_EQ(outcome->document().blocks(0).text(), "Hello sandboxed PDF");
  EXPECT_EQ(outcome->document().blocks(0).page(), 1);
}

TEST_F(ParserPoolTest, RefusesWhatIsTooLargeBeforeStartingAnything) {
  options_.max_file_bytes = 10;
  EXPECT_EQ(RejectionCode("more than ten bytes"), "too_large");
}

TEST_F(ParserPoolTest, RefusesTextThatDoesNotFitTheOutput) {
  options_.max_output_bytes = 1000;
  EXPECT_EQ(RejectionCode(std::string(5000, 'a')), "too_large");
}

TEST_F(ParserPoolTest, CrashIsARejection) {
  Impostor("kill -SEGV $$");
  EXPECT_EQ(RejectionCode(), "parser_crashed");
  Impostor("exit 3");
  EXPECT_EQ(RejectionCode(), "parser_crashed");
  Impostor("echo this is no protobuf message at all");
  EXPECT_EQ(RejectionCode(), "parser_crashed");
}

TEST_F(ParserPoolTest, ForbiddenSystemCallIsToldFromACrash) {
  Impostor("kill -SYS $$");
  EXPECT_EQ(RejectionCode(), "forbidden_operation");
}

TEST_F(ParserPoolTest, MemoryLimitIsARejection) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take terabytes of address space: the limit is not set";
#endif
  options_.memory_bytes = int64_t{128} << 20;
  options_.time_limit = absl::Minutes(4);  // not what is tested, also on a busy machine
  EXPECT_EQ(RejectionCode(std::string(size_t{24} << 20, 'x')), "memory_limit");
}

TEST_F(ParserPoolTest, HangingProcessAndItsChildrenAreKilled) {
  options_.time_limit = absl::Milliseconds(300);
  const std::string pid_file = folder_->path() + "/pid";
  Impostor("sleep 600 & echo $! > " + pid_file + "; wait");
  const absl::Time start = absl::Now();
  EXPECT_EQ(RejectionCode(), "timeout");
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  ASSERT_OK_AND_ASSIGN(const std::string pid, ReadFile(pid_file));
  // The grandchild is gone, or a zombie its adopter has not collected yet.
  const int grandchild = std::atoi(pid.c_str());
  ASSERT_GT(grandchild, 0);
  bool alive = true;
  for (int i = 0; alive && i < 100; ++i) {
    const StatusOr<std::string> stat = ReadFile("/proc/" + std::to_string(grandchild) + "/stat");
    alive = stat.ok() && stat->find(") Z ") == std::string::npos;
    if (alive) absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_FALSE(alive);
}

TEST_F(ParserPoolTest, RunsNoMoreProcessesThanAllowed) {
  options_.max_processes = 2;
  // Each process counts itself while it runs and reports when it sees too many.
  const std::string count = folder_->path() + "/running";
  ASSERT_OK(MakeDirectories(count));
  Impostor("touch " + count + "/$$; n=$(ls " + count + " | wc -l); [ $n -gt 2 ] && touch " +
           folder_->path() + "/exceeded; sleep 0.1; rm " + count + "/$$; exit 5");
  const std::unique_ptr<ParserPool> pool = Pool();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_OK(pool->Parse("a", "b")); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(ReadFile(folder_->path() + "/exceeded").ok());
}

TEST_F(ParserPoolTest, TooManyWaitingCallersAreTurnedAway) {
  options_.max_processes = 1;
  options_.max_waiting = 1;
  Impostor("sleep 1; exit 5");
  const std::unique_ptr<ParserPool> pool = Pool();
  std::vector<std::thread> threads;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      refused += pool->Parse("a", "b").status().code() == StatusCode::kResourceExhausted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(refused, 1);
}

/// The program's answers: to a scan first, to a scan with recognition, to anything else.
class RecognitionTest : public ParserPoolTest {
 protected:
  void SetUp() override {
    ParserPoolTest::SetUp();
    options_.max_processes = 1;
    ParseOutcome scan;
    scan.mutable_rejection()->set_code("no_text_layer");
    scan.set_pages_to_recognize(3);
    Write("scan", scan);
    ParseOutcome text;
    text.mutable_document()->add_blocks()->set_text("read");
    Write("text", text);
  }

  void Write(const std::string& name, const ParseOutcome& outcome) {
    ASSERT_OK(WriteFileAtomic(folder_->path() + "/" + name, outcome.SerializeAsString(), 0644));
  }

  /// `before` runs before a scan is recognized.
  void Answer(const std::string& before) {
    const std::string cat = "cat " + folder_->path();
    Impostor("case \"$*\" in *--recognize*) " + before + "; " + cat + "/text;; *scan.pdf*) " + cat +
             "/scan;; *) " + cat + "/text;; esac");
  }

  static std::string Code(const StatusOr<ParseOutcome>& outcome) {
    return outcome.ok() && outcome->has_rejection() ? outcome->rejection().code() : "";
  }
};

TEST_F(RecognitionTest, ScansAreParsedAgain) {
  Answer("true");
  StatusOr<ParseOutcome> outcome = Pool()->Parse("scan.pdf", "x");
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_document());
  EXPECT_EQ(outcome->document().blocks(0).text(), "read");
}

TEST_F(RecognitionTest, CanBeSwitchedOff) {
  options_.recognition.max_processes = 0;
  Answer("true");
  EXPECT_EQ(Code(Pool()->Parse("scan.pdf", "x")), "no_text_layer");
}

TEST_F(RecognitionTest, WhatWasReadWithoutItIsKeptWhenItFails) {
  ParseOutcome mixed;
  mixed.mutable_document()->add_blocks()->set_text("text pages");
  mixed.set_pages_to_recognize(1);
  Write("scan", mixed);
  Answer("exit 5");
  StatusOr<ParseOutcome> outcome = Pool()->Parse("scan.pdf", "x");
  ASSERT_OK(outcome);
  ASSERT_TRUE(outcome->has_document());
  EXPECT_EQ(outcome->document().blocks(0).text(), "text pages");
  ASSERT_EQ(outcome->document().warnings_size(), 1);
  EXPECT_NE(outcome->document().warnings(0).find("exit status 5"), std::string::npos);
}

TEST_F(RecognitionTest, ScansKeepNoOtherFileWaiting) {
  const std::string started = folder_->path() + "/started";
  const std::string release = folder_->path() + "/release";
  Answer("touch " + started + "; while [ ! -e " + release + " ]; do sleep 0.02; done");
  const std::unique_ptr<ParserPool> pool = Pool();
  std::atomic<bool> done = false;
  std::thread scan([&] {
    EXPECT_EQ(Code(pool->Parse("scan.pdf", "x")), "");
    done = true;
  });
  for (int i = 0; i < 3000 && !ReadFile(started).ok(); ++i) absl::SleepFor(absl::Milliseconds(10));
  StatusOr<ParseOutcome> text = pool->Parse("a.txt", "x");
  ASSERT_OK(text);
  EXPECT_TRUE(text->has_document());
  EXPECT_FALSE(done);
  ASSERT_OK(WriteFileAtomic(release, "", 0644));
  scan.join();
}

TEST_F(RecognitionTest, HasATimeOfItsOwnThatGrowsWithThePages) {
  options_.time_limit = absl::Milliseconds(300);
  options_.recognition.page_time = absl::Minutes(1);
  Answer("sleep 1");  // longer than a file without scans may take
  EXPECT_EQ(Code(Pool()->Parse("scan.pdf", "x")), "");
  options_.recognition.file_time_limit = absl::Milliseconds(300);
  Answer("sleep 600");
  EXPECT_EQ(Code(Pool()->Parse("scan.pdf", "x")), "timeout");
}

TEST_F(ParserPoolTest, MissingProgramIsFoundAtOnce) {
  options_.program = folder_->path() + "/absent";
  EXPECT_STATUS(ParserPool::Create(options_), kNotFound, "absent");
}

}  // namespace
}  // namespace hadal::parser
