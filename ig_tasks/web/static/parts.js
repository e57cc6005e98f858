// What goes with a part of a page that htmx replaced: the link to the page, and its title, are those of the new address.
(() => {
  document.addEventListener("htmx:pushedIntoHistory", (event) => {
    for (const link of document.querySelectorAll("a.permalink")) {
      link.href = new URL(event.detail.path, link.href).href;
      const said = link.parentElement.querySelector(".said");
      if (said) said.textContent = "";
    }
  });
})();
