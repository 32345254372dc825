// GET /openapi/{name}: the OpenAPI descriptions of the services, as the program carries them.
#pragma once

#include "http/server.h"

namespace tarn::cli {

// Answers 200 with application/yaml and a strong ETag, 304 to If-None-Match, 404 with the names
// that there are. The descriptions are public: they say nothing about this server's data.
void AddOpenApiRoutes(http::Router* router);

}  // namespace tarn::cli
