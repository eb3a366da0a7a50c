// Draws the charts of a page from the data beside them. Their tables say the same, so a chart that cannot be drawn is
// left out. Colours and fonts come from the style sheet, and follow the theme.
"use strict";

(() => {
  if (!window.echarts) return;
  const whole = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

  // A colour is asked for by an element that has it: a custom property would give the pair of both themes.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };

  const axes = (data, look) => {
    const text = { color: look.muted, fontFamily: look.font, fontSize: 12 };
    const labels = { type: "category", data: data.labels, axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } }, axisLabel: { ...text, hideOverlap: true } };
    const values = { type: "value", minInterval: 1, splitNumber: 4, splitLine: { lineStyle: { color: look.line } }, axisLabel: { ...text, formatter: (v) => short.format(v) } };
    if (data.kind === "rows") return { xAxis: values, yAxis: { ...labels, inverse: true, axisLabel: { ...labels.axisLabel, width: 110, overflow: "truncate" } } };
    return { xAxis: { ...labels, boundaryGap: data.kind !== "line" }, yAxis: values };
  };

  const serie = (data, look) => (s, i) => {
    const base = { name: s.name, data: s.values, color: look.series[i] };
    if (data.kind === "line") return { ...base, color: look.lines[i], type: "line", showSymbol: data.labels.length < 3, symbolSize: 6, lineStyle: { width: 2, type: i ? "dashed" : "solid" } };
    return { ...base, type: "bar", stack: "all", barMaxWidth: data.kind === "rows" ? 18 : 26, barCategoryGap: "28%", itemStyle: { borderColor: look.surface, borderWidth: 0.5 }, emphasis: { disabled: true } };
  };

  const option = (data, look) => ({
    animation: false,
    textStyle: { fontFamily: look.font },
    grid: { left: 4, right: 14, top: 34, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 10, itemGap: 18, inactiveColor: look.line, textStyle: { color: look.muted, fontFamily: look.font, fontSize: 12.5 } },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // not HTML, whose style attributes the page's policy forbids
      confine: true,
      axisPointer: { type: data.kind === "line" ? "line" : "shadow", lineStyle: { color: look.strong }, shadowStyle: { color: look.shade } },
      backgroundColor: look.raised,
      borderColor: look.line,
      padding: [8, 12],
      textStyle: { color: look.text, fontFamily: look.font, fontSize: 13 },
      valueFormatter: (v) => whole.format(v),
    },
    ...axes(data, look),
    series: data.series.map(serie(data, look)),
  });

  const look = () => ({
    text: colour("--text"),
    muted: colour("--muted"),
    line: colour("--line"),
    strong: colour("--line-strong"),
    surface: colour("--surface"),
    raised: colour("--raised"),
    shade: colour("--shade"),
    series: [colour("--chart-1"), colour("--chart-2")],
    lines: [colour("--chart-1"), colour("--chart-3")],
    font: getComputedStyle(document.body).fontFamily,
  });

  const charts = [];
  for (const figure of document.querySelectorAll("figure.chart")) {
    const plot = figure.querySelector(".plot");
    const source = figure.querySelector("script[type='application/json']");
    if (!plot || !source) continue;
    charts.push({ plot, data: JSON.parse(source.textContent), chart: window.echarts.init(plot, null, { renderer: "svg" }) });
  }
  const draw = () => {
    const now = look();
    for (const { chart, data } of charts) chart.setOption(option(data, now), true);
  };
  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) window.matchMedia(query).addEventListener("change", draw);
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) charts.find((c) => c.plot === target)?.chart.resize();
  });
  for (const { plot } of charts) resized.observe(plot);
})();
