#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "hadal/v1/models.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/model_state.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

Status Failure(const fs::path& path, const std::error_code& error) {
  return Unavailable("cannot hand over {}: {}", path.string(), error.message());
}

/// A model of this machine where the service may read it: below DATA/import, as hard links that
/// cost nothing, or on another disk as copies. Whoever can write there administers the appliance.
/// It goes with this object.
class HandedOver {
 public:
  explicit HandedOver(const std::string& data)
      : import_(fs::path(data) / "import"), folder_(import_ / fmt::format("cli-{}", ::getpid())) {}
  ~HandedOver() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  /// What the service is to be asked for.
  StatusOr<std::string> Add(const fs::path& source) {
    std::error_code error;
    const fs::path real = fs::canonical(source, error);
    if (error) return Failure(source, error);
    const fs::path inside = real.lexically_relative(fs::weakly_canonical(import_, error));
    if (!inside.empty() && *inside.begin() != "..") return inside.string();
    const std::string name = fs::absolute(source).lexically_normal().filename().string();
    RETURN_IF_ERROR(MakeDirectories(import_.string(), 0700));
    RETURN_IF_ERROR(MakeDirectories(folder_.string(), 0700));
    RETURN_IF_ERROR(Put(real, folder_ / name, 0));
    return (folder_.filename() / name).string();
  }

 private:
  Status Put(const fs::path& from, const fs::path& to, int depth) {
    std::error_code error;
    if (!fs::is_directory(from, error)) return PutFile(from, to);
    RETURN_IF_ERROR(MakeDirectories(to.string(), 0700));
    if (depth > 1) return OkStatus();  // no model's files are deeper
    for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
      if (it->path().filename().string().starts_with('.')) continue;
      RETURN_IF_ERROR(Put(it->path(), to / it->path().filename(), depth + 1));
    }
    return error ? Failure(from, error) : OkStatus();
  }

  Status PutFile(const fs::path& from, const fs::path& to) {
    std::error_code error;
    const fs::path real = fs::canonical(from, error);
    if (!error && !fs::is_regular_file(real, error)) {
      return InvalidArgument("{} is no regular file; a model has no devices, pipes or sockets",
                             from.string());
    }
    fs::create_hard_link(real, to, error);
    if (!error) return OkStatus();
    if (!told_) {
      std::fprintf(stderr, "%s is on another disk: it is copied to %s first\n", from.c_str(),
                   import_.c_str());
      told_ = true;
    }
    fs::copy_file(real, to, error);
    return error ? Failure(from, error) : OkStatus();
  }

  const fs::path import_;
  const fs::path folder_;
  bool told_ = false;
};

Status RunImport(const Invocation& invocation, const std::string& source, const std::string& id) {
  v1::ImportModelRequest request;
  request.set_id(id);
  request.set_source(source);
  HandedOver handed_over(invocation.data);
  std::error_code error;
  if (invocation.endpoint.empty() && fs::exists(source, error)) {
    ASSIGN_OR_RETURN(*request.mutable_source(), handed_over.Add(source));
  }
  if (!invocation.json) {
    std::fprintf(stderr, "importing %s; 'hadal model ls' shows how far it is\n", source.c_str());
  }
  ASSIGN_OR_RETURN(
      const v1::ImportModelResponse response,
      Call<v1::Models>(invocation, &v1::Models::Stub::ImportModel, request, kLongCall));
  if (invocation.json) {
    nlohmann::json json = ToJson(response.model());
    json["copied_bytes"] = response.copied_bytes();
    json["resumed_bytes"] = response.resumed_bytes();
    PrintJson(json);
  } else {
    std::printf("imported %s: %lld MiB copied, %lld MiB were there, SHA-256 %s\n",
                Printable(response.model().id()).c_str(),
                static_cast<long long>(response.copied_bytes() >> 20),
                static_cast<long long>(response.resumed_bytes() >> 20),
                response.model().sha256().c_str());
  }
  return OkStatus();
}

}  // namespace

void AddModelImport(CLI::App& model, Invocation& invocation) {
  auto source = std::make_shared<std::string>();
  auto id = std::make_shared<std::string>();
  CLI::App* import = model.add_subcommand(
      "import", "Copy a model into the models folder, checked and with a manifest of its digests");
  import
      ->add_option(
          "SOURCE", *source,
          "GGUF file or Hugging Face folder: on this machine, or with --endpoint below the "
          "import folder of the appliance's")
      ->required();
  import->add_option("--id", *id, "What requests call it (default: from the name of SOURCE)");
  import->footer("Example:\n  hadal model import /mnt/usb/DeepSeek-R1-Distill-Qwen-7B --id r1-7b");
  import->callback([&invocation, source, id] {
    invocation.run = [&invocation, source, id] { return RunImport(invocation, *source, *id); };
  });
}

}  // namespace hadal::cli
