// A server on Node's own http module, which does what the path says.
const http = require("http");
const server = http.createServer((request, response) => {
  const path = request.url.split("?")[0];
  if (path === "/echo") {
    response.writeHead(200, { "X-Length": request.headers["content-length"] || "chunked" });
    request.pipe(response);
  } else if (path === "/hints") {
    response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" }, () => response.end("hinted"));
  } else if (path === "/status") {
    response.writeHead(Number(request.url.split("?")[1]), "Made Up", { "Set-Cookie": ["a=1", "b=2"] });
    response.end();
  } else if (path === "/early") {
    response.writeHead(413, { Connection: "close" });
    response.end("too large");
  } else if (path === "/cut") {
    response.writeHead(200, { "Content-Length": 1000 });
    response.write("half");
    setTimeout(() => request.socket.destroy(), 20);
  } else {
    response.end(request.method + " " + request.url);
  }
});
server.on("checkContinue", (request, response) => {
  response.writeContinue();
  server.emit("request", request, response);
});
server.on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
