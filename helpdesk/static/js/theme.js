// Sets the chosen theme before the first paint. A classic script in the head, so that nothing flashes.
try {
  const theme = localStorage.getItem("presteza-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme stands.
}
