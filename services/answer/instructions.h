#pragma once

#include <string>
#include <string_view>

namespace hadal::answer {

/// A source's text without chat template markers ("<|im_start|>system", "<think>", "[INST]", …) and
/// without the fence our own prompt uses, so that nothing in a document can open or close a message
/// or a source.
std::u32string WithoutMarkers(std::u32string_view text);

/// True for text that speaks to the model instead of the reader: orders to ignore rules, to change
/// role, to reveal other documents or to end answers in a certain way, and speech in the name of
/// the assistant next to template markers. `folded`: see Fold().
bool IsInstruction(std::u32string_view folded);

}  // namespace hadal::answer
