#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::parser {

/// Files the readers of PDF need: poppler's programs, their libraries, the loader's cache and
/// poppler's tables of Chinese, Japanese and Korean characters; for text recognition also tesseract
/// and its language data.
std::vector<std::string> ProgramPaths(bool recognition);

/// Changes the root directory into an empty, read-only file system of its own with only `visible`
/// (absolute paths) in it, read-only. The process must be in a mount namespace of its own and have
/// CAP_SYS_ADMIN there. FAILED_PRECONDITION where mounts cannot be kept from the rest of the
/// machine, as in a plain chroot.
Status EnterFileView(const std::vector<std::string>& visible);

/// Forbids this process and its children by Landlock every access to files but reading and running
/// `readable`. UNIMPLEMENTED when the kernel has no Landlock. no_new_privs must be set.
Status RestrictByLandlock(const std::vector<std::string>& readable);

}  // namespace hadal::parser
