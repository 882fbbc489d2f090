package main

// Main is main, for the tests that run the program.
var Main = main
