#include "retrieval/parse/recognition.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "retrieval/parse/ocr_page.h"
#include "retrieval/parse/page_image.h"
#include "retrieval/parse/program_pipe.h"

namespace hadal::retrieval {
namespace {

// A program as pdftotext is: its memory and its crashes are its own. The sandbox shows it its
// language data and nothing else.
constexpr const char* kTesseract = "/usr/bin/tesseract";
constexpr const char* kSimplified = "chi_sim+eng";
constexpr const char* kTraditional = "chi_tra+eng";
constexpr double kGoodConfidence = 75;
constexpr double kPointsPerInch = 72;

/// One thread: a file is given one core, and the result does not depend on their number.
ProgramOptions Limits(absl::Duration time_limit) {
  ProgramOptions options;
  options.time_limit = time_limit;
  options.max_output_bytes = size_t{64} << 20;
  options.env = {"OMP_THREAD_LIMIT=1"};
  return options;
}

Status CheckEnd(const ProgramResult& result) {
  if (result.succeeded()) return OkStatus();
  if (WIFSIGNALED(result.wait_status) && WTERMSIG(result.wait_status) == SIGXCPU) {
    return DeadlineExceeded("text recognition took more processor time than allowed");
  }
  const std::string_view error = result.error_text;
  return Internal("text recognition failed: {}", error.substr(0, error.find('\n')));
}

StatusOr<OcrPageReader> Recognize(const std::string& pgm, const std::string& languages,
                                  absl::Duration time_limit) {
  OcrPageReader reader;
  // The letters have about this resolution whatever the paper's size: PreparePageImage() saw to it.
  const std::vector<std::string> argv = {kTesseract,
                                         "stdin",
                                         "stdout",
                                         "-l",
                                         languages,
                                         "--dpi",
                                         "300",
                                         "--psm",
                                         "3",
                                         "-c",
                                         "tessedit_create_tsv=1"};
  ASSIGN_OR_RETURN(const ProgramResult result,
                   RunProgram(
                       argv, pgm, [&](std::string_view line) { return reader.AddLine(line); },
                       Limits(time_limit)));
  RETURN_IF_ERROR(CheckEnd(result));
  return reader;
}

/// By how many degrees to turn the page clockwise to stand upright; 0 when that cannot be told.
int FindTurn(const std::string& pgm, absl::Duration time_limit) {
  int degrees = 0;
  constexpr std::string_view kRotate = "Rotate: ";
  const std::vector<std::string> argv = {kTesseract, "stdin", "stdout", "--dpi",
                                         "300",      "--psm", "0"};
  const StatusOr<ProgramResult> result = RunProgram(
      argv, pgm,
      [&](std::string_view line) {
        if (line.starts_with(kRotate)) degrees = std::atoi(std::string(line.substr(8)).c_str());
        return true;
      },
      Limits(time_limit));
  const bool told = result.ok() && result->succeeded();
  return told && (degrees == 90 || degrees == 180 || degrees == 270) ? degrees : 0;
}

}  // namespace

bool CanRecognize(std::string_view& missing) {
  missing = "text recognition needs tesseract: install tesseract-ocr and tesseract-ocr-chi-sim";
  return ::access(kTesseract, X_OK) == 0;
}

StatusOr<RecognizedPage> RecognizePicture(std::string_view picture, int index, double dpi,
                                          absl::Duration time_limit) {
  ASSIGN_OR_RETURN(PageImage image, PreparePageImage(picture, index));
  RecognizedPage best;
  if (image.pgm.empty()) return best;
  ASSIGN_OR_RETURN(OcrPageReader reader, Recognize(image.pgm, kSimplified, time_limit));
  // The better of two readings; the second may fail, as where its language is not installed.
  const auto try_again = [&](const std::string& pgm, const char* languages) {
    StatusOr<OcrPageReader> other = Recognize(pgm, languages, time_limit);
    if (!other.ok() || other->confidence() <= reader.confidence()) return false;
    reader = *std::move(other);
    return true;
  };
  if (reader.confidence() < kGoodConfidence) {
    const int degrees = FindTurn(image.pgm, time_limit);
    if (degrees != 0) {
      ASSIGN_OR_RETURN(std::string turned, TurnImage(image.pgm, degrees));
      if (try_again(turned, kSimplified)) image.pgm = std::move(turned);
    }
  }
  if (reader.confidence() < kGoodConfidence) try_again(image.pgm, kTraditional);
  best.confidence = reader.confidence();
  best.page = reader.ToPage(kPointsPerInch / dpi / image.scale);
  best.page.width = image.width * kPointsPerInch / dpi;
  best.page.height = image.height * kPointsPerInch / dpi;
  return best;
}

}  // namespace hadal::retrieval
