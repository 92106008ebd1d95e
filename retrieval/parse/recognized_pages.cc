#include "retrieval/parse/recognized_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "retrieval/parse/pdf_layout.h"

namespace hadal::retrieval {
namespace {

// Percent. Below the first a page is told to be doubtful, below the second its text is noise.
constexpr double kDoubtful = 70;
constexpr double kNoise = 35;

/// "3", "3, 5", "3 to 9, 12"
std::string PageList(const std::vector<PdfPage>& pages, const std::vector<size_t>& indexes) {
  std::string list;
  for (size_t i = 0; i < indexes.size();) {
    size_t last = i;
    while (last + 1 < indexes.size() && indexes[last + 1] == indexes[last] + 1) ++last;
    if (list.size() > 200) return list + ", ...";
    fmt::format_to(std::back_inserter(list), "{}{}", list.empty() ? "" : ", ",
                   pages[indexes[i]].number);
    if (last > i) fmt::format_to(std::back_inserter(list), " to {}", pages[indexes[last]].number);
    i = last + 1;
  }
  return list;
}

/// What became of the pages without text.
struct Recognition {
  std::vector<size_t> doubtful;
  std::vector<size_t> noise;
  std::vector<size_t> failed;
  Status first_error;
};

Recognition RecognizePages(std::vector<PdfPage>& pages, const std::vector<size_t>& unread,
                           const PagePicture& picture) {
  Recognition recognition;
  for (const size_t i : unread) {
    StatusOr<RecognizedPage> recognized = picture(i);
    if (!recognized.ok()) {
      if (recognition.failed.empty()) recognition.first_error = recognized.status();
      recognition.failed.push_back(i);
      continue;
    }
    if (recognized->page.fragments.empty()) continue;  // blank
    if (recognized->confidence < kNoise) {
      recognition.noise.push_back(i);
      continue;
    }
    if (recognized->confidence < kDoubtful) recognition.doubtful.push_back(i);
    recognized->page.number = pages[i].number;
    pages[i] = std::move(recognized->page);
  }
  return recognition;
}

void Report(const std::vector<PdfPage>& pages, const Recognition& recognition,
            DocumentBuilder& builder) {
  if (!recognition.doubtful.empty()) {
    builder.Warn(fmt::format("text recognition is unsure about page {}: check it",
                             PageList(pages, recognition.doubtful)));
  }
  if (!recognition.noise.empty()) {
    builder.Warn(fmt::format("page {} was left out: text recognition found nothing readable",
                             PageList(pages, recognition.noise)));
  }
  if (!recognition.failed.empty()) {
    builder.Warn(fmt::format("page {} was left out: {}", PageList(pages, recognition.failed),
                             StatusMessage(recognition.first_error)));
  }
}

ParseOutcome Write(std::vector<PdfPage>& pages, DocumentBuilder& builder, std::string_view code,
                   std::string_view message) {
  RemoveRunningText(pages);
  WritePages(pages, builder);
  return builder.Finish(code, message);
}

}  // namespace

ParseOutcome FinishPages(std::vector<PdfPage>& pages, const std::vector<size_t>& unread,
                         const PagePicture& picture, const ParseOptions& options,
                         DocumentBuilder& builder) {
  if (unread.empty()) return Write(pages, builder, "empty", "the file has no text");
  std::string_view missing = "text recognition is switched off";
  if (!options.recognize || !CanRecognize(missing)) {
    builder.Warn(fmt::format("page {} has no readable text and was left out: {}",
                             PageList(pages, unread), missing));
    ParseOutcome outcome = Write(
        pages, builder, "no_text_layer",
        fmt::format("the file has no text layer, it is a scan or pictures only: {}", missing));
    if (!options.recognize) outcome.set_pages_to_recognize(static_cast<int32_t>(unread.size()));
    return outcome;
  }
  if (unread.size() > static_cast<size_t>(options.max_recognized_pages)) {
    return Rejection("too_large",
                     fmt::format("{} pages are scans, at most {} are recognized in one file; "
                                 "split it",
                                 unread.size(), options.max_recognized_pages));
  }
  const Recognition recognition = RecognizePages(pages, unread, picture);
  Report(pages, recognition, builder);
  if (recognition.failed.empty() && recognition.noise.empty()) {
    return Write(pages, builder, "empty", "the pages are blank: no text was found on them");
  }
  return Write(pages, builder, "unreadable_scan",
               recognition.failed.empty() ? "text recognition found nothing readable; scan it anew"
                                          : StatusMessage(recognition.first_error));
}

}  // namespace hadal::retrieval
