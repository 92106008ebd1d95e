#include "auth/crypto/secret_file.h"

#include <sys/stat.h>

#include "base/file.h"

namespace hadal::auth {

StatusOr<Secret> ReadSecretFile(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return ErrnoStatus("cannot open", path);
  if ((st.st_mode & 077) != 0) {
    return FailedPrecondition(
        "{} holds a secret but has mode {:04o}; expected 0600: run `chmod 600 {}`, and replace the "
        "secret if others may have read it",
        path, st.st_mode & 07777, path);
  }
  ASSIGN_OR_RETURN(std::string content, ReadFile(path, 64 << 10));
  Secret secret(content);
  WipeMemory(content.data(), content.size());
  return secret;
}

Status WriteSecretFile(const std::string& path, const Secret& content) {
  return WriteFileAtomic(path, content.Reveal(), 0600);
}

}  // namespace hadal::auth
