#pragma once

#include <p11-kit/p11-kit.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "tests/support/status_matchers.h"

namespace hadal::auth {

/// SoftHSM's module, where Debian's package puts it.
inline constexpr char kSoftHsm[] = "/usr/lib/softhsm/libsofthsm2.so";
inline bool HaveSoftHsm() { return std::filesystem::exists(kSoftHsm); }

/// A token of SoftHSM in `folder`, with the label "hadal" and the PIN 5678. Its files are named by
/// an environment variable that the module reads when it is initialised, so: one a process.
class SoftToken {
 public:
  explicit SoftToken(const std::string& folder) {
    const std::string tokens = folder + "/tokens";
    const std::string config = folder + "/softhsm2.conf";
    CHECK_OK(MakeDirectories(tokens, 0700));
    CHECK_OK(WriteFileAtomic(config, "directories.tokendir = " + tokens + "\nlog.level = ERROR\n"));
    CHECK(::setenv("SOFTHSM2_CONF", config.c_str(), 1) == 0);
    module_ = p11_kit_module_load(kSoftHsm, 0);
    CHECK(module_ != nullptr);
    Expect(p11_kit_module_initialize(module_));
    std::array<CK_SLOT_ID, 8> slots{};
    CK_ULONG count = slots.size();
    Expect(module_->C_GetSlotList(CK_TRUE, slots.data(), &count));
    std::string label = "hadal";
    label.resize(32, ' ');
    Expect(module_->C_InitToken(slots[0], Bytes("1234"), 4, Bytes(label)));
    count = slots.size();
    Expect(module_->C_GetSlotList(CK_TRUE, slots.data(), &count));
    slot_ = slots[0];
    const CK_SESSION_HANDLE session = NewSession(CKU_SO, "1234");
    Expect(module_->C_InitPIN(session, Bytes("5678"), 4));
    Expect(module_->C_CloseSession(session));
  }
  ~SoftToken() {
    p11_kit_module_finalize(module_);
    p11_kit_module_release(module_);
  }

  void MakeAesKey(const std::string& label, CK_ULONG bytes, bool extractable) {
    const CK_SESSION_HANDLE session = NewSession(CKU_USER, "5678");
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL may_leave = extractable ? CK_TRUE : CK_FALSE;
    std::array<CK_ATTRIBUTE, 7> attributes = {{{CKA_TOKEN, &yes, sizeof yes},
                                               {CKA_PRIVATE, &yes, sizeof yes},
                                               {CKA_SENSITIVE, &yes, sizeof yes},
                                               {CKA_EXTRACTABLE, &may_leave, sizeof may_leave},
                                               {CKA_ENCRYPT, &yes, sizeof yes},
                                               {CKA_DECRYPT, &yes, sizeof yes},
                                               {CKA_VALUE_LEN, &bytes, sizeof bytes}}};
    std::vector<CK_ATTRIBUTE> all(attributes.begin(), attributes.end());
    all.push_back({CKA_LABEL, Bytes(label), label.size()});
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, nullptr, 0};
    CK_OBJECT_HANDLE key = 0;
    Expect(module_->C_GenerateKey(session, &mechanism, all.data(), all.size(), &key));
    Expect(module_->C_CloseSession(session));
  }

 private:
  static void Expect(CK_RV code) { CHECK(code == CKR_OK); }
  static unsigned char* Bytes(const std::string& text) {
    return reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  }
  CK_SESSION_HANDLE NewSession(CK_USER_TYPE user, const std::string& pin) {
    CK_SESSION_HANDLE session = 0;
    Expect(module_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                  &session));
    Expect(module_->C_Login(session, user, Bytes(pin), pin.size()));
    return session;
  }

  CK_FUNCTION_LIST* module_ = nullptr;
  CK_SLOT_ID slot_ = 0;
};

}  // namespace hadal::auth
