#pragma once

#include "absl/time/time.h"
#include "base/status.h"
#include "ops/cli/document_files.h"
#include "ops/cli/invocation.h"

namespace hadal::cli {

/// Looks at the sources every `pause` and sends what is new or has changed, until SIGINT or
/// SIGTERM, which is OK. What the base has as it is, by digest and label, is not sent again; what
/// was removed is reported only. An appliance or a folder that is away for a time is waited for.
/// Errors: of the base or the caller's rights.
Status WatchFolders(const Invocation& invocation, const DocumentSources& sources,
                    absl::Duration pause);

}  // namespace hadal::cli
