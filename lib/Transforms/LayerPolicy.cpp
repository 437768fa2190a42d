// Part of gpfq-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "gpfq/Transforms/LayerPolicy.h"

#include "gpfq/Quantizer/Alphabet.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::gpfq;
using namespace mlir::lowbit;

/// `pattern` for the whole of a name, not a part of it.
static llvm::Regex anchored(StringRef pattern) {
  return llvm::Regex(("^(" + pattern + ")$").str());
}

static LogicalResult verifyPattern(StringRef pattern,
                                   function_ref<InFlightDiagnostic()> emitError) {
  std::string problem;
  if (anchored(pattern).isValid(problem))
    return success();
  return emitError() << "'" << pattern << "' is not a regular expression: " << problem;
}

FailureOr<AlphabetAttr>
mlir::gpfq::parseLayerAlphabet(MLIRContext *context, StringRef text,
                               function_ref<InFlightDiagnostic()> emitError) {
  StringRef parameters = text;
  if (!parameters.consume_front("hard_threshold:"))
    return parseAlphabet(context, text, emitError);
  auto [countText, ratioText] = parameters.split(':');
  int64_t count = 0;
  double ratio = 0.0;
  if (countText.getAsInteger(10, count) || ratioText.getAsDouble(ratio))
    return emitError() << "'" << text
                       << "' is not an alphabet; write hard_threshold:3:1.5 for 0 and "
                       << "+-1.5, +-2.5, +-3.5, +-4.5";
  auto hard = ::gpfq::Alphabet::hardThreshold(count, ratio);
  if (!hard)
    return emitError() << hard.message();
  if (hard->roundingError != 0.0)
    emitRemark(UnknownLoc::get(context)) << text << " is rounded to a threshold of " << hard->lambda
                                         << "/" << hard->delta << " of the distance of its levels";
  SmallVector<int32_t> levels(hard->alphabet.levels().begin(), hard->alphabet.levels().end());
  return AlphabetAttr::get(context, AlphabetKind::Levels, levels);
}

FailureOr<LayerPolicy> LayerPolicy::load(MLIRContext *context, StringRef path,
                                         function_ref<InFlightDiagnostic()> emitError) {
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &problem);
  if (!file)
    return emitError() << "policy file: " << problem;
  llvm::Expected<llvm::json::Value> document = llvm::json::parse(file->getBuffer());
  if (!document)
    return emitError() << "policy file '" << path << "': " << llvm::toString(document.takeError());
  const llvm::json::Object *root = document->getAsObject();
  const llvm::json::Array *layers = root ? root->getArray("layers") : nullptr;
  if (!layers || root->size() != 1)
    return emitError() << "policy file '" << path
                       << "' must be an object with one key, \"layers\", a list of entries";

  LayerPolicy policy;
  policy.path = path.str();
  for (auto [index, value] : llvm::enumerate(*layers)) {
    auto emitEntryError = [&, index = index]() {
      return emitError() << "policy file '" << path << "', entry " << index << ": ";
    };
    const llvm::json::Object *object = value.getAsObject();
    if (!object || !object->getString("match"))
      return emitEntryError() << "must be an object with the string \"match\"";
    Entry entry;
    entry.pattern = object->getString("match")->str();
    if (failed(verifyPattern(entry.pattern, emitEntryError)))
      return failure();
    for (const auto &[key, setting] : *object) {
      StringRef name = key;
      if (name == "match")
        continue;
      if (name == "bits") {
        std::optional<int64_t> bits = setting.getAsInteger();
        if (!bits || *bits < 1 || *bits > 8)
          return emitEntryError() << "\"bits\" must be 1 to 8";
        if (!object->get("alphabet"))
          entry.alphabet = AlphabetAttr::getDefault(context, *bits);
      } else if (name == "alphabet") {
        std::optional<StringRef> text = setting.getAsString();
        FailureOr<AlphabetAttr> alphabet =
            parseLayerAlphabet(context, text.value_or(""), emitEntryError);
        if (failed(alphabet))
          return failure();
        entry.alphabet = *alphabet;
      } else if (name == "granularity") {
        entry.granularity = symbolizeGranularity(setting.getAsString().value_or(""));
        if (!entry.granularity)
          return emitEntryError() << "\"granularity\" must be \"tensor\", \"channel\" or \"block\"";
      } else if (name == "block-size") {
        entry.blockSize = setting.getAsInteger();
        if (!entry.blockSize || *entry.blockSize < 1)
          return emitEntryError() << "\"block-size\" must be an integer of at least 1";
      } else if (name == "skip") {
        entry.skip = setting.getAsBoolean();
        if (!entry.skip)
          return emitEntryError() << "\"skip\" must be true or false";
      } else {
        return emitEntryError()
               << "unknown key \"" << name
               << "\"; known are match, bits, alphabet, granularity, block-size, skip";
      }
    }
    policy.entries.push_back(std::move(entry));
  }
  return policy;
}

LogicalResult LayerPolicy::addSkip(StringRef pattern,
                                   function_ref<InFlightDiagnostic()> emitError) {
  if (failed(verifyPattern(pattern, emitError)))
    return failure();
  Entry entry;
  entry.pattern = pattern.str();
  entry.skip = true;
  entries.push_back(std::move(entry));
  return success();
}

void LayerPolicy::apply(StringRef name, LayerSetting &setting) {
  for (Entry &entry : entries) {
    if (!anchored(entry.pattern).match(name))
      continue;
    entry.matched = true;
    setting.alphabet = entry.alphabet.value_or(setting.alphabet);
    setting.granularity = entry.granularity.value_or(setting.granularity);
    setting.blockSize = entry.blockSize.value_or(setting.blockSize);
    setting.skip = entry.skip.value_or(setting.skip);
  }
}

LogicalResult LayerPolicy::verifyAllMatched(function_ref<InFlightDiagnostic()> emitError) const {
  for (const Entry &entry : entries) {
    if (entry.matched)
      continue;
    InFlightDiagnostic diagnostic = emitError() << "no layer is named '" << entry.pattern << "'";
    if (!path.empty())
      diagnostic << " (policy file '" << path << "')";
    return diagnostic;
  }
  return success();
}
