/* A slider beside each large number, in powers of ten; without this file the numbers do alone. */
const STEPS = 20;
const SUFFIXES = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

function read(text) {
  const found = /^([\d.,]+)(e\+?\d+)?(k|m|bn?|t)?$/i.exec(text.replace(/\s/g, ""));
  if (!found) return NaN;
  const power = { k: 1e3, m: 1e6, b: 1e9, t: 1e12 }[(found[3] || "")[0]?.toLowerCase()] || 1;
  return Number(found[1].replace(",", ".") + (found[2] || "")) * power;
}

function write(number) {
  const [size, suffix] = SUFFIXES.find(([each]) => number >= each * 0.9995) || [1, ""];
  return Number((number / size).toPrecision(2)) + suffix;
}

for (const field of document.querySelectorAll("input[data-log-slider]")) {
  const slider = document.createElement("input");
  const place = () => { slider.value = Math.log10(read(field.value) || 1) * STEPS; };
  slider.type = "range";
  slider.className = "slider";
  slider.min = field.dataset.least * STEPS;
  slider.max = field.dataset.most * STEPS;
  slider.setAttribute("aria-label", field.labels[0].textContent.trim());
  slider.addEventListener("input", () => { field.value = write(10 ** (slider.value / STEPS)); });
  field.addEventListener("input", place);
  place();
  const pair = document.createElement("span");
  pair.className = "pair";
  field.replaceWith(pair);
  pair.append(field, slider);
}
