#pragma once

namespace hadal::rpc {

/// SIGTERM and SIGINT as an ordinary wait. Create it first thing in main(): threads made later
/// inherit the blocked signals. SIGPIPE is ignored.
class ShutdownSignal {
 public:
  ShutdownSignal();
  /// Returns the signal's number.
  int Wait();
};

}  // namespace hadal::rpc
