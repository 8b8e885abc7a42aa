// Shows the contract. Keys that are typed in stay in this page's memory and are gone with it.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#contract",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null, // its default sends the document to another host
});
