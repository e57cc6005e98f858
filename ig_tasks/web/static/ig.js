// What every page does with script: copying its address. All of it can be done without.
(() => {
  for (const link of document.querySelectorAll("a.permalink")) {
    link.textContent = "Copy link";
    link.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const said = link.parentElement.querySelector(".said");
      try {
        await navigator.clipboard.writeText(link.href);
        said.textContent = "Copied";
      } catch {
        // In a frame, or without https, the clipboard may be out of reach: the address is shown to be copied by hand.
        said.textContent = link.href;
      }
    });
  }
})();
