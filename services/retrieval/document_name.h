#pragma once

#include <string>
#include <string_view>

namespace hadal::retrieval_service {

/// A file name as it may be stored and shown: valid UTF-8, no control characters, at most 255
/// bytes, folders gone.
std::string DisplayFileName(std::string_view file_name);

/// The id of a document whose sender gave none: its file name with folders, made harmless ("./a//b"
/// is "a/b"), so that the same file becomes the same document and its next version. It is an id
/// only, never a path that is opened.
std::string DocumentIdFromFileName(std::string_view file_name);

}  // namespace hadal::retrieval_service
