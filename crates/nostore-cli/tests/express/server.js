// A small shop with the classic mistake: a page that says it is cacheable, and a session cookie on it.
const express = require("express");
const app = express();

app.get("/", (request, response) => {
  response.cookie("shop.sid", "s%3A4711", { httpOnly: true, path: "/" });
  response.set("Cache-Control", "public, s-maxage=300").send("<h1>Today's offers</h1>");
});

app.get("/plain", (request, response) => {
  response.set("Cache-Control", "public, s-maxage=300").send("<h1>About us</h1>");
});

// A redirect that was written for the app's own address, not for the one that visitors use.
app.get("/away", (request, response) => response.redirect(`http://127.0.0.1:${process.env.PORT}/plain`));

app.listen(Number(process.env.PORT), "127.0.0.1");
