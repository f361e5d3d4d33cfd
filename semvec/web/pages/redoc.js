fetch(new URL("../openapi.json", document.currentScript.src))
  .then((answer) => answer.json())
  .then((openapi) => Redoc.init(openapi, {}, document.getElementById("page")));
