// A small S3-compatible server over an object store: path style, the operations of
// docs/reference/s3.md, everything else refused by name with NotImplemented.
// Spec: Amazon S3 API Reference (2006-03-01).
#pragma once

#include <string>

#include "http/server.h"
#include "objects/object_store.h"

namespace tarn::s3_endpoint {

struct S3EndpointOptions {
  std::string region = "us-east-1";  // What GetBucketLocation and HeadBucket say.
};

// Threads: handlers run on many at once.
class S3Endpoint {
 public:
  // `store` must outlive the endpoint.
  S3Endpoint(objects::ObjectStore& store, S3EndpointOptions options);

  // Adds the routes, and S3's form of errors. The router takes a listener of its own, because
  // bucket names are the first path segments. The endpoint must outlive the server.
  void AddRoutes(http::Router* router);

 private:
  http::Response Serve(http::Request& request) const;

  objects::ObjectStore& store_;
  const S3EndpointOptions options_;
};

}  // namespace tarn::s3_endpoint
