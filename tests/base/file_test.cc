#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/status_matchers.h"

namespace hadal {
namespace {

TEST(FileTest, AtomicWriteReplacesAndReadsBack) {
  ASSERT_OK_AND_ASSIGN(auto dir, TempDir::Create());
  const std::string path = dir->path() + "/f";
  ASSERT_OK(WriteFileAtomic(path, "one", 0600));
  ASSERT_OK(WriteFileAtomic(path, "two", 0600));
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(path));
  EXPECT_EQ(content, "two");
  struct stat st {};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(FileTest, RefusesFifoAtOnceAndLargeFiles) {
  ASSERT_OK_AND_ASSIGN(auto dir, TempDir::Create());
  const std::string fifo = dir->path() + "/pipe";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_STATUS(ReadFile(fifo), kInvalidArgument, "not a regular file");
  EXPECT_STATUS(MappedFile::Open(fifo), kInvalidArgument, "not a regular file");
  ASSERT_OK(WriteFileAtomic(dir->path() + "/big", "12345"));
  EXPECT_STATUS(ReadFile(dir->path() + "/big", 4), kResourceExhausted, "5 bytes");
  EXPECT_STATUS(ReadFile(dir->path() + "/none"), kNotFound, "none");
}

TEST(FileTest, MapsContentAndEmptyFile) {
  ASSERT_OK_AND_ASSIGN(auto dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomic(dir->path() + "/a", "abc"));
  ASSERT_OK(WriteFileAtomic(dir->path() + "/empty", ""));
  ASSERT_OK_AND_ASSIGN(auto a, MappedFile::Open(dir->path() + "/a"));
  EXPECT_EQ(std::string(a->bytes().begin(), a->bytes().end()), "abc");
  ASSERT_OK_AND_ASSIGN(auto empty, MappedFile::Open(dir->path() + "/empty"));
  EXPECT_TRUE(empty->bytes().empty());
}

TEST(FileTest, ForgottenPagesAreReadAgain) {
  ASSERT_OK_AND_ASSIGN(auto dir, TempDir::Create());
  std::string content(5 * 4096 + 100, 'a');
  content[4096] = 'b';
  ASSERT_OK(WriteFileAtomic(dir->path() + "/a", content));
  ASSERT_OK_AND_ASSIGN(auto file, MappedFile::Open(dir->path() + "/a"));
  const auto text = [&] { return std::string(file->bytes().begin(), file->bytes().end()); };
  // A page that is in memory is told apart by the kernel's own list of them.
  const auto resident = [&] {
    std::ifstream smaps("/proc/self/smaps");
    int64_t kib = -1;
    for (std::string line; std::getline(smaps, line);) {
      if (line.ends_with(dir->path() + "/a")) kib = -2;
      if (kib == -2 && line.starts_with("Rss:")) kib = std::stoll(line.substr(4));
    }
    return kib;
  };
  EXPECT_EQ(text(), content);
  EXPECT_EQ(resident(), 24);
  file->Forget(file->bytes().subspan(10, 3 * 4096));  // pages 1 and 2 are whole inside it
  EXPECT_EQ(resident(), 16);
  EXPECT_EQ(text(), content);
  file->Forget(file->bytes());
  EXPECT_EQ(resident(), 4);  // the last page belongs to the part in half only
  EXPECT_EQ(text(), content);
  file->Forget({reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  EXPECT_EQ(content[4096], 'b');
}

// What keeps a reader of old mappings from bytes that are no longer there (SIGBUS).
TEST(FileTest, AMappedFileThatShrankOrLeftIsNoticed) {
  ASSERT_OK_AND_ASSIGN(auto dir, TempDir::Create());
  const std::string path = dir->path() + "/model";
  ASSERT_OK(WriteFileAtomic(path, "abcd"));
  ASSERT_OK_AND_ASSIGN(auto file, MappedFile::Open(path));
  EXPECT_OK(file->CheckStillThere());
  ASSERT_EQ(::truncate(path.c_str(), 3), 0);
  EXPECT_STATUS(file->CheckStillThere(), kFailedPrecondition, "has 3 bytes, but had 4");
  ASSERT_OK(WriteFileAtomic(path, "another, longer"));
  EXPECT_OK(file->CheckStillThere());
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_STATUS(file->CheckStillThere(), kNotFound, path);
}

}  // namespace
}  // namespace hadal
