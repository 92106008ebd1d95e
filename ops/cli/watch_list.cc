#include "ops/cli/watch_list.h"

#include <sys/stat.h>

#include <utility>

#include "base/file.h"

namespace hadal::cli {

StatusOr<FileMark> MarkOf(const std::string& path, std::string settings) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus("cannot look at", path);
  FileMark mark;
  mark.size_bytes = info.st_size;
  mark.modified_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  mark.inode = info.st_ino;
  mark.settings = std::move(settings);
  return mark;
}

WatchList::Changes WatchList::Look(const std::map<std::string, FileMark>& files) {
  Changes changes;
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (files.contains(it->first)) {
      ++it;
      continue;
    }
    changes.gone.push_back(it->first);
    it = watched_.erase(it);
  }
  for (const auto& [name, mark] : files) {
    const auto [it, is_new] = watched_.try_emplace(name, Watched{mark, std::nullopt});
    if (is_new) continue;
    Watched& watched = it->second;
    const bool settled = watched.mark == mark && watched.done != mark;
    watched.mark = mark;
    if (settled) changes.settled.push_back(name);
  }
  return changes;
}

void WatchList::Done(const std::string& name, const FileMark& mark) {
  const auto it = watched_.find(name);
  if (it != watched_.end()) it->second.done = mark;
}

}  // namespace hadal::cli
