// Keeps a page up to date with the cart, and leaves it when its visitor is
// signed out. Without this script the pages work as well, and show what was
// there when they were asked for.
"use strict";

const user = document.body.dataset.user; // whom the page was made for
let events = null;
let known = false; // the first event says what the page shows already

function connect() {
  if (events || document.hidden) return; // hidden pages take no connection
  const stream = new EventSource("/cart/events");
  stream.addEventListener("cart", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    // Most streams just end, and are asked for again. One that is closed was
    // answered by 204: the session is over.
    if (stream.readyState === EventSource.CLOSED && user) leave();
  });
  events = stream;
}

function disconnect() {
  if (events) events.close();
  events = null;
}

function leave() {
  disconnect();
  location.replace("/signed-out"); // the page is not there to go back to
}

function show(cart) {
  if (cart.user !== user) {
    if (user) leave();
    else location.reload(); // signed in, on another page
    return;
  }
  const items = new Map(Object.entries(cart.items));
  const count = [...items.values()].reduce((sum, n) => sum + n, 0);
  document.getElementById("cart-link").textContent = count ? `Cart (${count})` : "Cart";
  for (const hint of document.querySelectorAll("[data-in-cart]")) {
    const n = items.get(hint.dataset.inCart);
    hint.textContent = n ? `${n} in your cart` : "";
  }
  if (document.getElementById("rows")) showRows(items);
  if (known) document.getElementById("news").textContent = `Things in your cart: ${count}`;
  known = true;
}

// showRows changes no more than is different, so that the focus stays.
function showRows(items) {
  const rows = document.getElementById("rows");
  const left = new Map(items);
  for (const row of [...rows.children]) {
    const n = left.get(row.dataset.item);
    if (n) row.cells[1].textContent = n;
    else row.remove();
    left.delete(row.dataset.item);
  }
  for (const [item, n] of left) {
    const next = [...rows.children].find((row) => row.dataset.item > item);
    rows.insertBefore(newRow(item, n), next ?? null);
  }
  document.getElementById("filled").hidden = items.size === 0;
  document.getElementById("empty").hidden = items.size > 0;
}

function newRow(item, n) {
  const row = document.getElementById("row").content.firstElementChild.cloneNode(true);
  row.dataset.item = item;
  row.cells[1].textContent = n;
  row.querySelector(".name").textContent = item;
  for (const input of row.querySelectorAll("[name=item]")) input.value = item;
  for (const button of row.querySelectorAll("button")) button.ariaLabel += item;
  if (document.querySelector(`symbol#${CSS.escape(item)}`)) {
    row.querySelector(".tile").className = `tile ${item}`;
    row.querySelector("use").setAttribute("href", `#${item}`);
  }
  return row;
}

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
// A browser may keep a page and show it again as it was, though its visitor has
// been signed out since. What is somebody's is not there to be seen then, and
// is asked for again.
addEventListener("pagehide", () => {
  disconnect();
  document.body.hidden = user !== "";
});
addEventListener("pageshow", (event) => {
  if (event.persisted && user) location.reload();
  else connect();
});
