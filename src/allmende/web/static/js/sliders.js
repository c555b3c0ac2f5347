/* A slider beside each number that has a least and a most; without this file the numbers do alone. */
for (const field of document.querySelectorAll("input[data-slider]")) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.className = "slider";
  slider.min = field.min;
  slider.max = field.max;
  slider.step = 1;
  slider.value = field.value;
  slider.setAttribute("aria-label", field.labels[0].textContent.trim());
  slider.addEventListener("input", () => { field.value = slider.value; });
  field.addEventListener("input", () => { slider.value = field.value; });
  const pair = document.createElement("span");
  pair.className = "pair";
  field.replaceWith(pair);
  pair.append(field, slider);
}
