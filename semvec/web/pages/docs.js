// The document comes with what the browser was told when it asked for a name and a password; requests
// that are tried out carry nothing but the token given under "Authorize".
const openapi = new URL("../openapi.json", document.currentScript.src).href;

SwaggerUIBundle({
  url: openapi,
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (request.url !== openapi) request.credentials = "omit";
    return request;
  },
});
