export {
};
