#include "healthlake/internal/requests.h"

#include <algorithm>

#include "base/uri.h"
#include "service_model/request.h"
#include "service_model/validator.h"

namespace tarn::healthlake::internal {
namespace {

using json::Value;
using service_model::MissingMember;
using service_model::Present;
using service_model::TextOf;
using service_model::Violation;

// The parts of S3Configuration, where both are required.
Status ReadOutput(const Value& config, const std::string& path, objects::S3Uri* uri,
                  std::string* key) {
  const Value* s3 = Present(config, "S3Configuration");
  CHECK(s3 != nullptr);  // A union has one member.
  auto parsed = objects::ParseS3Uri(TextOf(*s3, "S3Uri"));
  if (!parsed.ok()) {
    return Violation(path + ".s3Configuration.s3Uri",
                     "must be an S3 URI: " + parsed.error().detail);
  }
  *uri = std::move(parsed).value();
  *key = TextOf(*s3, "KmsKeyId");
  return Ok();
}

Result<fhir_store::IdentityProvider> ReadIdentityProvider(const Value& config) {
  fhir_store::IdentityProvider provider;
  provider.strategy = TextOf(config, "AuthorizationStrategy");
  if (const Value* found = Present(config, "FineGrainedAuthorizationEnabled")) {
    provider.fine_grained = found->AsBool();
  }
  if (const Value* found = Present(config, "Metadata")) {
    TRY(CheckSmartMetadata(found->AsString()));
    provider.metadata = found->AsString();
  } else if (provider.IsSmart()) {
    // The model leaves Metadata optional, for AWS_AUTH; the Developer Guide ("SMART on FHIR
    // support") says that it must be provided with SMART. Without it there is no discovery document
    // and no client finds the authorization server.
    return MissingMember("identityProviderConfiguration.metadata",
                         "must not be null with the authorization strategy " + provider.strategy);
  }
  if (const Value* found = Present(config, "IdpLambdaArn")) {
    provider.lambda_arn = found->AsString();
  }
  return provider;
}

Result<fhir_store::Encryption> ReadEncryption(const Value& sse) {
  const Value* config = Present(sse, "KmsEncryptionConfig");
  CHECK(config != nullptr);  // Required.
  fhir_store::Encryption encryption;
  encryption.customer_managed = TextOf(*config, "CmkType") == "CUSTOMER_MANAGED_KMS_KEY";
  encryption.kms_key_id = TextOf(*config, "KmsKeyId");
  if (encryption.customer_managed && encryption.kms_key_id.empty()) {
    return MissingMember("sseConfiguration.kmsEncryptionConfig.kmsKeyId",
                         "must not be null with a customer managed key");
  }
  return encryption;
}

int64_t TimeOf(const Value& object, std::string_view name, int64_t otherwise) {
  const Value* found = Present(object, name);
  if (found == nullptr) return otherwise;
  const auto time = service_model::TimestampMs(*found);
  CHECK(time.ok());  // Validated.
  return time.value();
}

bool IsTextList(const Value* value) {
  return value != nullptr && value->IsArray() &&
         std::all_of(value->items().begin(), value->items().end(),
                     [](const Value& item) { return item.IsString(); });
}

bool HasText(const Value& list, std::string_view text) {
  return std::any_of(list.items().begin(), list.items().end(),
                     [text](const Value& item) { return item.AsString() == text; });
}

}  // namespace

Status CheckSmartMetadata(std::string_view metadata) {
  const std::string member = "identityProviderConfiguration.metadata";
  const auto parsed = json::ParseValue(metadata);
  if (!parsed.ok()) return Violation(member, "must be JSON: " + parsed.error().detail);
  const Value& value = parsed.value();
  if (!value.IsObject()) return Violation(member, "must be a JSON object");
  for (const std::string_view name : {"authorization_endpoint", "token_endpoint"}) {
    const Value* found = value.Find(name);
    if (found == nullptr || !found->IsString() || !ParseUrl(found->AsString()).ok()) {
      return Violation(member, "must have the element " + std::string(name) + ", a URL");
    }
  }
  for (const std::string_view name :
       {"grant_types_supported", "capabilities", "code_challenge_methods_supported"}) {
    if (!IsTextList(value.Find(name))) {
      return Violation(member,
                       "must have the element " + std::string(name) + ", an array of strings");
    }
  }
  const Value& grants = *value.Find("grant_types_supported");
  const bool grants_known =
      std::all_of(grants.items().begin(), grants.items().end(), [](const Value& grant) {
        return grant.AsString() == "authorization_code" || grant.AsString() == "client_credentials";
      });
  if (grants.items().empty() || !grants_known) {
    return Violation(member,
                     "must have authorization_code or client_credentials, and nothing else, in "
                     "grant_types_supported");
  }
  if (!HasText(*value.Find("code_challenge_methods_supported"), "S256")) {
    return Violation(member, "must have S256 in code_challenge_methods_supported");
  }
  return Ok();
}

Result<fhir_store::DataStores::CreateRequest> ReadCreate(const Value& request) {
  fhir_store::DataStores::CreateRequest out;
  out.name = TextOf(request, "DatastoreName");
  if (const Value* sse = Present(request, "SseConfiguration")) {
    TRY(out.encryption, ReadEncryption(*sse));
  }
  out.preload = Present(request, "PreloadDataConfig") != nullptr;  // SYNTHEA is the only type.
  if (const Value* provider = Present(request, "IdentityProviderConfiguration")) {
    TRY(out.identity_provider, ReadIdentityProvider(*provider));
  }
  out.tags = ReadTags(request);
  return out;
}

Result<fhir_store::ImportRequest> ReadImport(const Value& request) {
  fhir_store::ImportRequest out;
  out.job_name = TextOf(request, "JobName");
  out.data_access_role_arn = TextOf(request, "DataAccessRoleArn");
  out.validation_level = TextOf(request, "ValidationLevel");
  const Value* input = Present(request, "InputDataConfig");
  const Value* output = Present(request, "JobOutputDataConfig");
  CHECK(input != nullptr && output != nullptr);  // Required.
  auto uri = objects::ParseS3Uri(TextOf(*input, "S3Uri"));
  if (!uri.ok()) {
    return Violation("inputDataConfig.s3Uri", "must be an S3 URI: " + uri.error().detail);
  }
  out.input = std::move(uri).value();
  TRY(ReadOutput(*output, "jobOutputDataConfig", &out.output, &out.output_kms_key_id));
  return out;
}

Result<fhir_store::ExportRequest> ReadExport(const Value& request) {
  fhir_store::ExportRequest out;
  out.job_name = TextOf(request, "JobName");
  out.data_access_role_arn = TextOf(request, "DataAccessRoleArn");
  const Value* output = Present(request, "OutputDataConfig");
  CHECK(output != nullptr);  // Required.
  TRY(ReadOutput(*output, "outputDataConfig", &out.output, &out.output_kms_key_id));
  return out;
}

Result<fhir_store::DataStoreFilter> ReadDataStoreFilter(const Value& request) {
  fhir_store::DataStoreFilter out;
  if (const Value* filter = Present(request, "Filter")) {
    out.name = TextOf(*filter, "DatastoreName");
    if (Present(*filter, "DatastoreStatus") != nullptr) {
      out.status = fhir_store::ParseDataStoreStatus(TextOf(*filter, "DatastoreStatus"));
    }
    out.created_after_unix_ms = TimeOf(*filter, "CreatedAfter", INT64_MIN);
    out.created_before_unix_ms = TimeOf(*filter, "CreatedBefore", INT64_MAX);
  }
  return out;
}

Result<jobs::JobFilter> ReadJobFilter(std::string_view kind, const Value& request) {
  jobs::JobFilter out;
  out.kind = kind;
  out.name = TextOf(request, "JobName");
  if (Present(request, "JobStatus") != nullptr) {
    out.states.push_back(
        *jobs::ParseJobState(TextOf(request, "JobStatus")));  // Of the enumeration.
  }
  out.submitted_after_unix_ms = TimeOf(request, "SubmittedAfter", INT64_MIN);
  out.submitted_before_unix_ms = TimeOf(request, "SubmittedBefore", INT64_MAX);
  return out;
}

std::vector<fhir_store::Tag> ReadTags(const Value& request) {
  std::vector<fhir_store::Tag> tags;
  if (const Value* list = Present(request, "Tags")) {
    for (const Value& tag : list->items())
      tags.push_back({TextOf(tag, "Key"), TextOf(tag, "Value")});
  }
  return tags;
}

std::vector<std::string> ReadTagKeys(const Value& request) {
  std::vector<std::string> keys;
  if (const Value* list = Present(request, "TagKeys")) {
    for (const Value& key : list->items()) keys.push_back(key.AsString());
  }
  return keys;
}

fhir_store::ClientToken ReadClientToken(std::string_view operation, const Value& request) {
  return {TextOf(request, "ClientToken"),
          service_model::Fingerprint(operation, request, "ClientToken")};
}

}  // namespace tarn::healthlake::internal
